"""The scan on NVIDIA and AMD graphics processors through Triton.

Triton compiles the kernels itself, and a few lines of C with the machine's compiler (see `..compiler`).
Long sequences are cut into segments that run side by side; the arithmetic stands in `triton_kernels`.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from . import triton_backward, triton_kernels
from .inputs import ScanInputs
from .torch_form import recurrence

TILE = 16
PROGRAMS = 1024
"""Programs worth starting at once: a few for every multiprocessor of a large chip."""
PROGRAMS_AT_MOST = 2**31 - 1
"""That CUDA starts along the first axis of a grid."""
MOST_CHANNELS, MOST_STATES, MANY = 16, 128, 16
"""Of a program: its channels, which with up to MANY states are all taken; and the states of them all beyond that. Fewer
channels mean more programs, each of which writes its own dB and dC."""
FORWARD_WARPS, BACKWARD_WARPS = 4, 8
"""Of a program. By the compiler's reports for sm_61 to sm_120 everything stays in registers, but for 8 bytes that the
compiler itself gives up where that lets more programs run at once."""
OPTIONS = {"num_stages": 3, "enable_fp_fusion": True}
"""The compiler's defaults; said because Triton is about to change one of them."""
LOG2E = 1.4426950408889634


def block_of(channels: int, states: int) -> int:
    """How many channels a program takes: a power of two up to 16."""
    size = _power_of_two(states)
    most = MOST_CHANNELS if size <= MANY else MOST_STATES // size
    return max(1, min(most, _power_of_two(channels)))


def interpreted() -> bool:
    """Whether Triton's kernels run in its interpreter on the CPU (slow; for tests)."""
    return os.environ.get("TRITON_INTERPRET") == "1"


class _Call:
    """A call's tensors and how it is cut up."""

    def __init__(self, inputs: ScanInputs) -> None:
        self.sizes = inputs.sizes
        batch, length, channels, states = self.sizes
        self.inputs = inputs
        u, delta, _, B, C, _, z, _, _ = (None if t is None else t.detach() for t in inputs.tensors)
        self.rows = [_neighbours(rows) for rows in (u, delta, B, C, z)]
        self.A = (inputs.A.detach().float() * LOG2E).contiguous()
        self.D, self.bias = (_vector(t, channels, self.A) for t in (inputs.D, inputs.delta_bias))
        self.channels = block_of(channels, states)
        self.blocks = -(-channels // self.channels)
        tiles = -(-length // TILE)
        wanted = max(1, PROGRAMS // max(1, batch * self.blocks))
        per_segment = max(1, -(-tiles // wanted), min(tiles, 4))
        self.segment = per_segment * TILE
        self.segments = max(1, -(-length // self.segment))
        self.tiles = self.segments * per_segment
        self.grid = (batch * self.segments * self.blocks,)
        if self.grid[0] > PROGRAMS_AT_MOST:
            raise ValueError(
                f"The scan of {batch} sequences of {length} tokens and {channels} channels is too large for one call; "
                "pass fewer sequences at a time."
            )
        self.constants = {
            "T": TILE,
            "DB": self.channels,
            "N": _power_of_two(states),
            "SOFTPLUS": inputs.delta_softplus,
            "REVERSE": inputs.reverse,
            **OPTIONS,
        }

    def table(self, number: int) -> tuple[Tensor, int, int]:
        """(tensor, stride of batches, stride of rows) of u, delta, B, C or z; u stands in for an absent z."""
        rows = self.rows[number]
        rows = self.rows[0] if rows is None else rows
        if rows is None:
            raise ValueError("The scan needs u; give it.")
        return rows, rows.stride(0), rows.stride(1)

    def new(self, *shape: int) -> Tensor:
        """An empty float32 tensor beside the inputs."""
        return torch.empty(shape, device=self.A.device)

    def segment_decay(self, sums: Tensor) -> Tensor:
        """Decay over whole segments (b, segments, d, n) from the sums of delta (b, segments, d)."""
        return torch.exp2(sums[..., None] * self.A)

    def summaries(self) -> tuple[Tensor, Tensor]:
        """Each segment's end state from zero (b, segments, d, n) and its decay."""
        batch, length, channels, states = self.sizes
        ends, sums = self.new(batch, self.segments, channels, states), self.new(batch, self.segments, channels)
        triton_kernels.summarise[self.grid](
            *self.table(0), *self.table(1), *self.table(2), self.A, self.bias, ends, sums,
            length, channels, states, self.segment, self.segments, self.blocks,
            num_warps=FORWARD_WARPS, **self.constants,
        )  # fmt: skip
        return ends, self.segment_decay(sums)


def forward(inputs: ScanInputs, keep: bool, last: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Output (b, l, d), the last state (b, d, n) when `last`, and the tiles' entry states when `keep`."""
    with torch.cuda.device_of(inputs.u):  # type: ignore[no-untyped-call] # Triton starts kernels on the current card
        return _forward(inputs, keep, last)


def _forward(inputs: ScanInputs, keep: bool, last: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
    call = _Call(inputs)
    batch, length, channels, states = call.sizes
    start = inputs.initial_state
    start = call.A.new_zeros(batch, channels, states) if start is None else start.detach().float()
    y = torch.empty_like(inputs.u, memory_format=torch.contiguous_format)
    if not y.numel():
        return y, start.clone() if last else None, None
    entries = start[:, None].contiguous()
    if call.segments > 1:
        ends, decay = call.summaries()
        entries = torch.cat((entries, recurrence(decay[:, :-1].clone(), ends[:, :-1].clone(), start)), 1)
    end = call.new(batch, channels, states)
    kept = call.new(batch, call.tiles, channels, states) if keep else end
    triton_kernels.forward[call.grid](
        *(part for number in range(5) for part in call.table(number)), call.A, call.D, call.bias, entries, kept, y, end,
        length, channels, states, call.segment, call.segments, call.tiles, call.blocks,
        GATED=inputs.z is not None, SKIP=inputs.D is not None, KEEP=keep, num_warps=FORWARD_WARPS, **call.constants,
    )  # fmt: skip
    return y, end if last else None, kept if keep else None


def backward(inputs: ScanInputs, entries: Tensor | None, dy: Tensor, dlast: Tensor | None) -> tuple[Tensor | None, ...]:
    """Gradients of the nine tensors of `inputs`, from dy (b, l, d) and dlast (b, d, n)."""
    with torch.cuda.device_of(inputs.u):  # type: ignore[no-untyped-call]
        return _backward(inputs, entries, dy, dlast)


def _backward(
    inputs: ScanInputs, entries: Tensor | None, dy: Tensor, dlast: Tensor | None
) -> tuple[Tensor | None, ...]:
    call = _Call(inputs)
    batch, length, channels, states = call.sizes
    end = call.A.new_zeros(batch, channels, states) if dlast is None else dlast.float()
    du, ddelta, dz = (call.new(batch, length, channels) for _ in range(3))
    dB, dC = (call.new(call.blocks * batch, length, states) for _ in range(2))
    dA = call.A.new_zeros(batch, call.segments, channels, states)
    dD, dbias = (call.A.new_zeros(batch, call.segments, channels) for _ in range(2))
    outgoing = end[:, None].repeat(1, call.segments, 1, 1)
    dout = _neighbours(dy)
    if dout is None:
        raise ValueError("The scan's backward needs the gradient of y; give it.")

    def run(incoming: Tensor, only_carry: bool) -> None:
        triton_backward.backward[call.grid](
            *(part for number in range(5) for part in call.table(number)), dout, dout.stride(0), dout.stride(1),
            call.A, call.D, call.bias, outgoing if entries is None else entries, incoming,
            du, ddelta, dz, dB, dC, dA, dD, dbias, outgoing,
            batch, length, channels, states, call.segment, call.segments, call.tiles, call.blocks,
            GATED=inputs.z is not None, SKIP=inputs.D is not None, ONLY_CARRY=only_carry,
            num_warps=BACKWARD_WARPS, **call.constants,
        )  # fmt: skip

    if length and batch:
        incoming = end[:, None].contiguous()
        if call.segments > 1:
            run(torch.zeros_like(outgoing), True)
            _, decay = call.summaries()
            later = recurrence(decay[:, 1:].flip(1), outgoing[:, 1:].flip(1), end).flip(1)
            incoming = torch.cat((later, incoming), 1).contiguous()
        run(incoming, False)
    return (
        du,
        ddelta,
        dA.sum((0, 1)),
        dB.view(call.blocks, batch, length, states).sum(0),
        dC.view(call.blocks, batch, length, states).sum(0),
        None if inputs.D is None else dD.sum((0, 1)),
        None if inputs.z is None else dz,
        None if inputs.delta_bias is None else dbias.sum((0, 1)),
        None if inputs.initial_state is None else outgoing[:, 0],
    )


def _neighbours(rows: Tensor | None) -> Tensor | None:
    """The same with neighbouring channels side by side."""
    return rows if rows is None or rows.shape[-1] <= 1 or rows.stride(-1) == 1 else rows.contiguous()


def _vector(values: Tensor | None, channels: int, like: Tensor) -> Tensor:
    """(d,) in float32; zeros when not given."""
    return like.new_zeros(channels) if values is None else values.detach().float().contiguous()


def _power_of_two(count: int) -> int:
    return 1 << max(0, count - 1).bit_length()
