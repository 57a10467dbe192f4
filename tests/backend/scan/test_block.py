"""The Mamba block: its state dict, its start values, its equation, its directions."""

from __future__ import annotations

import math

import pytest
import torch
from mixel.backend.scan import MambaBlock, selective_scan
from torch.nn import functional

SHAPES = {
    "A_log": (64, 16),
    "D": (64,),
    "in_proj.weight": (128, 32),
    "conv1d.weight": (64, 1, 4),
    "conv1d.bias": (64,),
    "x_proj.weight": (34, 64),
    "dt_proj.weight": (64, 2),
    "dt_proj.bias": (64,),
    "out_proj.weight": (32, 64),
}


def by_the_book(block, tokens):
    """The block's equations in torch operators, in float64."""
    p = {name: value.double() for name, value in block.state_dict().items()}
    x, z = (tokens.double() @ p["in_proj.weight"].T).chunk(2, -1)
    padded = functional.pad(x.transpose(1, 2), (p["conv1d.weight"].shape[2] - 1, 0))
    x = functional.silu(functional.conv1d(padded, p["conv1d.weight"], p["conv1d.bias"], groups=x.shape[2]))
    x = x.transpose(1, 2)
    rank, states = p["dt_proj.weight"].shape[1], p["A_log"].shape[1]
    low, B, C = (x @ p["x_proj.weight"].T).split([rank, states, states], -1)
    delta = functional.softplus(low @ p["dt_proj.weight"].T + p["dt_proj.bias"])
    y = selective_scan(x, delta, -p["A_log"].exp(), B, C, p["D"], z, form="reference")
    return y @ p["out_proj.weight"].T


def test_state_dict_is_that_of_mamba_ssm():
    block = MambaBlock(32)
    assert {name: tuple(value.shape) for name, value in block.state_dict().items()} == SHAPES
    assert sum(p.numel() for p in block.parameters()) == 9920
    other = MambaBlock(32)
    other.load_state_dict(block.state_dict())
    tokens = torch.randn(2, 9, 32)
    assert torch.equal(block(tokens), other(tokens))


def test_start_values():
    torch.manual_seed(0)
    block = MambaBlock(64)
    steps = functional.softplus(block.dt_proj.bias)
    assert steps.min() >= 1e-3 * 0.999 and steps.max() <= 1e-1 * 1.001
    assert block.dt_proj.weight.abs().max() <= 4**-0.5
    torch.testing.assert_close(block.A_log[3].exp(), torch.arange(1.0, 17.0))
    assert torch.equal(block.D, torch.ones(128))


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((2, 35, 32), {}),
        ((1, 300, 20), {"d_state": 5, "d_conv": 3}),
        ((70, 6, 16), {"expand": 1}),
        ((1, 1, 1), {}),
        ((2, 7, 49), {"d_state": 1}),
    ],
)
def test_follows_the_equations(shape, options):
    torch.manual_seed(1)
    block = MambaBlock(shape[2], **options)
    tokens = torch.randn(shape)
    torch.testing.assert_close(block(tokens), by_the_book(block, tokens).float(), rtol=1e-4, atol=1e-5)


def test_gradients_follow_the_equations():
    torch.manual_seed(2)
    block, wide = MambaBlock(24), MambaBlock(24).double()
    wide.load_state_dict(block.state_dict())
    tokens = torch.randn(2, 70, 24)
    narrow_tokens, wide_tokens = tokens.clone().requires_grad_(), tokens.double().requires_grad_()
    block(narrow_tokens).square().sum().backward()
    wide(wide_tokens).square().sum().backward()
    pairs = [(narrow_tokens.grad, wide_tokens.grad)]
    pairs += [(a.grad, b.grad) for a, b in zip(block.parameters(), wide.parameters(), strict=True)]
    for found, expected in pairs:
        assert (found - expected).abs().max() < 2e-5 * expected.abs().max()


def test_float64_block_passes_gradcheck():
    torch.manual_seed(3)
    block = MambaBlock(3, d_state=2).double()
    tokens = torch.randn(1, 5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(block, (tokens,))


def test_every_parameter_gets_a_gradient():
    block = MambaBlock(16)
    block(torch.randn(2, 9, 16)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in block.parameters())


@pytest.mark.parametrize("reverse", [False, True])
def test_causality(reverse):
    block = MambaBlock(16, reverse=reverse)
    tokens = torch.randn(1, 30, 16)
    before = block(tokens)
    tokens[:, 12] += 1
    changed = (block(tokens) != before).any(-1)[0]
    assert not (changed[13:] if reverse else changed[:12]).any() and changed[12]


def test_reverse_reads_from_the_end():
    block, turned = MambaBlock(16), MambaBlock(16, reverse=True)
    turned.load_state_dict(block.state_dict())
    tokens = torch.randn(2, 21, 16)
    torch.testing.assert_close(turned(tokens), block(tokens.flip(1)).flip(1))


def test_under_autocast_output_stays_close():
    torch.manual_seed(4)
    block = MambaBlock(32)
    tokens = torch.randn(2, 40, 32)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = block(tokens)
    narrow.float().square().sum().backward()
    assert block.A_log.grad.dtype == torch.float32
    assert (narrow.float() - block(tokens)).abs().max() < 0.05 * math.sqrt(32)


def test_no_tokens():
    assert MambaBlock(8)(torch.randn(2, 0, 8)).shape == (2, 0, 8)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="at least 1"):
        MambaBlock(8, d_state=0)
