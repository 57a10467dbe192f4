"""LayerNorm with SiLU and sums in every form against torch's own operators in float64."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.scan import forms, norm_silu
from torch import nn

FAST = [None, *(form.name for form in forms() if form.available and form.name != "reference")]
NAMES = ("base", "other", "gain", "keep")


def run(shape, given, dtype=torch.float32, form=None, turned=False):
    """(y, gradients) with the operands named in `given`; base and other with lines and tokens `turned` in memory."""
    draw = torch.Generator().manual_seed(2)
    norm = nn.LayerNorm(shape[3])
    rows = [torch.randn(*shape, generator=draw, dtype=torch.float64) for _ in range(3)]
    numbers = [torch.randn((), generator=draw, dtype=torch.float64) for _ in range(2)]
    with torch.no_grad():
        for one in norm.parameters():
            one.copy_(torch.randn(one.shape, generator=draw))
    x, *others = (one.to(dtype).requires_grad_() for one in (*rows, *numbers))
    added = {name: one for name, one in zip(NAMES, others, strict=True) if name in given}
    norm = norm.to(dtype)
    seen = dict(added)
    if turned:
        seen.update({n: one.transpose(1, 2).contiguous().transpose(1, 2) for n, one in added.items() if one.dim()})
    y = norm_silu(3 * x + 1, norm, **seen, form=form)
    (y * torch.linspace(0.2, 1, y.numel(), dtype=dtype).reshape(y.shape)).sum().backward()
    return y.detach(), [one.grad for one in (x, *norm.parameters(), *added.values())]


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("given", [(), ("base",), ("base", "other"), NAMES, ("gain",)])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("shape", [(2, 3, 5, 21), (1, 1, 1, 1), (1, 70, 9, 64), (3, 2, 4, 16), (1, 2, 150, 130)])
def test_against_plain_operators(form, given, turned, shape):
    y, grads = run(shape, given, form=form, turned=turned)
    expected, wanted = run(shape, given, torch.float64, form="reference")
    torch.testing.assert_close(y, expected.float(), rtol=1e-5, atol=1e-5)
    for mine, theirs in zip(grads, wanted, strict=True):
        scale = theirs.abs().max().clamp(min=1)
        torch.testing.assert_close((mine / scale).double(), theirs / scale, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("form", FAST)
def test_half_and_no_rows(form):
    y, grads = run((2, 3, 5, 21), NAMES, torch.bfloat16, form=form)
    expected, _ = run((2, 3, 5, 21), NAMES, torch.float64, form="reference")
    assert y.dtype == torch.bfloat16 and all(one.dtype == torch.bfloat16 for one in grads)
    torch.testing.assert_close(y.double(), expected, rtol=5e-2, atol=1e-1)
    assert run((2, 0, 5, 21), NAMES, form=form)[0].shape == (2, 0, 5, 21)


def test_wrong_shapes_are_refused():
    norm, x = nn.LayerNorm(8), torch.zeros(2, 3, 4, 8)
    with pytest.raises(ValueError, match="affine norm"):
        norm_silu(x[0], norm)
    with pytest.raises(ValueError, match="affine norm"):
        norm_silu(x, nn.LayerNorm(8, elementwise_affine=False))
    with pytest.raises(ValueError, match="adds tensors like x"):
        norm_silu(x, norm, x[:, :2])
