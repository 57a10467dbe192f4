"""Every form of the causal convolution against the reference."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.scan import causal_conv1d, forms

FAST = [None, *(form.name for form in forms() if form.available and form.name != "reference")]


def operands(batch=2, length=13, channels=21, width=4, dtype=torch.float32):
    draw = torch.Generator().manual_seed(3)
    shapes = {"x": (batch, length, channels), "weight": (channels, width), "bias": (channels,)}
    return {name: torch.randn(*shape, generator=draw, dtype=dtype) for name, shape in shapes.items()}


def run(tensors, **options):
    leaves = {name: t.detach().clone().requires_grad_() for name, t in tensors.items()}
    y = causal_conv1d(**{"bias": None, **leaves}, **options)
    (y * torch.linspace(0.2, 1, y.numel(), dtype=y.dtype).reshape(y.shape)).sum().backward()
    return y.detach(), {name: leaf.grad for name, leaf in leaves.items()}


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("silu", [False, True])
@pytest.mark.parametrize(
    ("batch", "length", "channels", "width"),
    [(2, 13, 21, 4), (1, 1, 1, 1), (3, 2, 16, 4), (1, 300, 33, 3), (70, 5, 64, 4), (1, 40, 130, 7), (2, 3, 5, 8)],
)
def test_against_reference(form, reverse, silu, batch, length, channels, width):
    tensors = operands(batch, length, channels, width)
    y, grads = run(tensors, silu=silu, reverse=reverse, form=form)
    expected, wanted = run(
        {name: t.double() for name, t in tensors.items()}, silu=silu, reverse=reverse, form="reference"
    )
    torch.testing.assert_close(y, expected.float(), rtol=1e-5, atol=1e-5)
    for name in tensors:
        scale = wanted[name].abs().max().clamp(min=1)
        torch.testing.assert_close(grads[name] / scale, (wanted[name] / scale).float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FAST)
def test_no_bias_no_tokens_strides_and_half(form):
    tensors = operands()
    del tensors["bias"]
    y, _ = run(tensors, form=form)
    torch.testing.assert_close(y, causal_conv1d(tensors["x"], tensors["weight"], form="reference"))
    assert causal_conv1d(tensors["x"][:, :0], tensors["weight"], form=form).shape == (2, 0, 21)
    half = torch.cat((tensors["x"], tensors["x"]), -1)[..., 10:31]
    wanted = causal_conv1d(half.contiguous(), tensors["weight"], form="reference")
    torch.testing.assert_close(causal_conv1d(half, tensors["weight"], form=form), wanted)
    narrow = causal_conv1d(half.bfloat16(), tensors["weight"], form=form)
    assert narrow.dtype == torch.bfloat16
    torch.testing.assert_close(narrow.float(), wanted, rtol=5e-2, atol=5e-2)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("reverse", [False, True])
def test_causality(form, reverse):
    tensors = operands()
    before = causal_conv1d(**tensors, reverse=reverse, form=form)
    tensors["x"][:, 6] += 1
    changed = (causal_conv1d(**tensors, reverse=reverse, form=form) != before).any(-1).any(0)
    assert changed.nonzero().flatten().tolist() == ([3, 4, 5, 6] if reverse else [6, 7, 8, 9])


@pytest.mark.parametrize("form", FAST)
def test_nan_stays_in_its_channel(form):
    tensors = operands()
    tensors["x"][1, 6, 4] = float("nan")
    broken = torch.isnan(causal_conv1d(**tensors, form=form))
    assert broken[1, 6:10, 4].all() and broken.sum() == 4


@pytest.mark.parametrize("reverse", [False, True])
def test_gradcheck(reverse):
    tensors = [t.requires_grad_() for t in operands(2, 5, 3, 4, torch.float64).values()]
    assert torch.autograd.gradcheck(lambda *args: causal_conv1d(*args, reverse=reverse), tensors)


def test_wrong_shapes_are_refused_with_a_sentence():
    tensors = operands()
    with pytest.raises(ValueError, match="one filter belongs to each channel"):
        causal_conv1d(tensors["x"], tensors["weight"][1:])
    with pytest.raises(ValueError, match="one bias for each"):
        causal_conv1d(tensors["x"], tensors["weight"], tensors["bias"][1:])
