"""What the Triton form would start on a graphics card, recorded without one; and what the compiler makes of it."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import triton
from mixel.backend.scan import triton_backward, triton_form, triton_kernels
from mixel.backend.scan.inputs import ScanInputs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

ROOT = Path(__file__).resolve().parents[3]
OPTIONS = ("num_warps", "num_stages", "enable_fp_fusion")
POINTERS = {torch.float32: "*fp32", torch.bfloat16: "*bf16", torch.float16: "*fp16"}
os.environ.setdefault("TRITON_CACHE_DIR", str(ROOT / ".build" / "triton"))


@dataclass(frozen=True)
class Launch:
    """One start of a kernel."""

    name: str
    kernel: Any
    grid: tuple[int, ...]
    arguments: tuple[Any, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Report:
    """Of one kernel on one architecture: registers and spilled bytes of a thread, shared memory of a program."""

    registers: int
    spilled: int
    shared: int
    threads: int
    ttir: str


class _Recorder:
    def __init__(self, name, kernel, seen):
        self.name, self.kernel, self.seen = name, kernel, seen

    def __getitem__(self, grid):
        return lambda *arguments, **options: self.seen.append(Launch(self.name, self.kernel, grid, arguments, options))


def operands(batch, length, channels, states, *, device="meta", dtype=torch.float32, gated=True, reverse=False, wide=0):
    """A call of a Mamba block without values; `wide` more channels lie between two rows of u, delta and z."""

    def rows(width, more=0):
        return torch.empty(batch, length, width + more, device=device, dtype=dtype)[..., :width]

    def vector(*shape):
        return torch.empty(*shape, device=device)

    u, delta, z = (rows(channels, wide) for _ in range(3))
    B, C = rows(states), rows(states)
    A, D, bias = vector(channels, states), vector(channels), vector(channels)
    return ScanInputs(u, delta, A, B, C, D, z if gated else None, bias, None, True, reverse)


def launches(monkeypatch, inputs, keep=True):
    """Every start of a kernel in a forward, and with `keep` in its backward."""
    seen: list[Launch] = []
    with monkeypatch.context() as patch:
        for module, name in ((triton_kernels, "summarise"), (triton_kernels, "forward"), (triton_backward, "backward")):
            patch.setattr(module, name, _Recorder(name, getattr(module, name), seen))
        y, _, kept = triton_form.forward(inputs, keep, False)
        if keep:
            triton_form.backward(inputs, kept, torch.empty_like(y), None)
    return seen


def compiled(launch: Launch, capability: int) -> Report:
    """The kernel as Triton would compile it for this start: with the same types, constants and divisibility."""
    constants = {name: value for name, value in launch.options.items() if name not in OPTIONS}
    signature, known, attributes = {}, dict(constants), {}
    for number, (name, value) in enumerate(zip(launch.kernel.arg_names, launch.arguments, strict=False)):
        if isinstance(value, torch.Tensor):
            signature[name], attributes[number,] = POINTERS[value.dtype], [["tt.divisibility", 16]]
        elif value == 1:
            signature[name], known[name] = "constexpr", 1
        else:
            signature[name] = "i32" if -(2**31) <= value < 2**31 else "i64"
            if value % 16 == 0:
                attributes[number,] = [["tt.divisibility", 16]]
    signature.update(dict.fromkeys(constants, "constexpr"))
    places = {(launch.kernel.arg_names.index(name),): value for name, value in known.items()}
    source = ASTSource(fn=launch.kernel, signature=signature, constexprs=places, attrs=attributes)
    options = {name: launch.options[name] for name in OPTIONS if name in launch.options}
    made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    return _report(made)


def _report(made: Any) -> Report:
    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        told = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True).stdout
    found = {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL):(\d+)", told)}
    assert set(found) == {"REG", "STACK", "LOCAL"}, told
    threads = 32 * made.metadata.num_warps
    spilled = found["STACK"] + found["LOCAL"]
    return Report(found["REG"], spilled, made.metadata.shared, threads, str(made.asm["ttir"]))
