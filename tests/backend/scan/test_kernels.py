"""The Triton kernels compiled ahead of time for every architecture that the lock files serve: no card is needed.

Limits hold the compiler's own report: registers that do not fit are spilled to memory, and a kernel that wants more
shared memory than the smallest card has does not start at all.
"""

from __future__ import annotations

import re

import pytest
import torch
from launches import compiled, launches, operands

ARCHITECTURES = (61, 70, 75, 80, 86, 89, 90, 100, 120)
SHARED = 48 * 1024
"""Bytes that every card gives a program without being asked."""
REGISTERS = 64 * 1024
"""Of a multiprocessor, on all architectures: a program that needs more does not start."""
USUAL = (8, 1024, 64, 16)


GIVEN_UP = 8
"""Bytes that the compiler itself moves out of registers where that lets more programs run at once."""


def held(report, spilled=GIVEN_UP):
    assert report.spilled <= spilled
    assert report.registers <= 255 and report.registers * report.threads <= REGISTERS
    assert report.shared <= SHARED


@pytest.mark.parametrize("capability", ARCHITECTURES)
def test_a_block_of_sixteen_states_fits_every_card(monkeypatch, capability):
    started = launches(monkeypatch, operands(*USUAL))
    assert [one.name for one in started] == ["summarise", "forward", "backward", "summarise", "backward"]
    for launch in started[1:]:
        held(compiled(launch, capability), spilled=0 if launch is started[4] else GIVEN_UP)


@pytest.mark.parametrize("states", [1, 4, 32, 64])
@pytest.mark.parametrize("capability", [86])
def test_other_numbers_of_states_fit_too(monkeypatch, states, capability):
    started = launches(monkeypatch, operands(8, 1024, 64, states))
    for launch in (started[1], started[4]):
        held(compiled(launch, capability))


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 70, 21, 5), {"reverse": True}),
        ((2, 49, 33, 16), {"gated": False}),
        ((2, 70, 32, 16), {"dtype": torch.bfloat16, "reverse": True}),
        ((2, 70, 32, 16), {"dtype": torch.float16}),
    ],
)
def test_every_way_a_network_calls_them_compiles(monkeypatch, shape, options):
    started = launches(monkeypatch, operands(*shape, **options))
    started += launches(monkeypatch, operands(*shape, **options), keep=False)
    for launch in started:
        held(compiled(launch, 86))


@pytest.mark.parametrize("kernel", [0, 1, 2, 4])
def test_nothing_is_multiplied_in_32_bits(monkeypatch, kernel):
    """A product of a sequence's number and a stride passes 2^31 long before the card's memory is full."""
    code = compiled(launches(monkeypatch, operands(*USUAL))[kernel], 90).ttir
    assert "tt.get_program_id" in code and "arith.muli" in code
    assert not re.findall(r"arith\.muli.*: (?:i32|tensor<[^>]*xi32>)", code)
    (program,) = re.findall(r"(%\S+) = tt\.get_program_id x", code)
    assert re.search(rf"arith\.extsi {program} : i32 to i64", code)
    assert len(re.findall(re.escape(program) + r"\b(?! =)", code)) == 1  # widened before anything else is done with it


@pytest.mark.parametrize(
    ("shape", "wide"),
    [
        ((300_000, 16, 64, 4), 0),  # more sequences than CUDA starts programs on its second axis
        ((1, 20_000_000, 16, 4), 0),  # and more segments, were they not made longer
        ((4, 5_000, 2_000_000, 1), 0),  # and more blocks
        ((3, 1_000_000, 1024, 16), 4096),  # strides of more than 2^31 numbers
    ],
)
def test_large_calls_have_a_grid_that_cuda_starts(monkeypatch, shape, wide):
    batch, length, channels, states = shape
    started = launches(monkeypatch, operands(*shape, wide=wide))
    for launch in started:
        assert len(launch.grid) == 1 and 0 < launch.grid[0] < 2**31
        segment, segments = (launch.arguments[launch.kernel.arg_names.index(name)] for name in ("segment", "segments"))
        blocks = launch.arguments[launch.kernel.arg_names.index("blocks")]
        assert launch.grid[0] == batch * segments * blocks
        assert segments * segment >= length > (segments - 1) * segment
        assert blocks * launch.options["DB"] >= channels and launch.options["N"] >= states


def test_a_call_that_no_grid_can_hold_is_refused_with_a_sentence(monkeypatch):
    with pytest.raises(ValueError, match="pass fewer sequences at a time"):
        launches(monkeypatch, operands(2**31, 1, 16, 1))
