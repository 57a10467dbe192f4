"""Every form of the scan against the sequential reference: values, gradients, states, hostile inputs."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.scan import chosen_form, forms, selective_scan

FAST = [form.name for form in forms() if form.available and form.name != "reference"]
NAMES = ("u", "delta", "A", "B", "C", "D", "z", "delta_bias", "initial_state")


def operands(batch=2, length=37, channels=21, states=5, dtype=torch.float32, seed=0):
    """A call's nine tensors, decays negative, steps around softplus^-1 of 0.01 to 1."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(dtype)

    return {
        "u": normal(batch, length, channels),
        "delta": normal(batch, length, channels) - 1,
        "A": -torch.exp(normal(channels, states)),
        "B": normal(batch, length, states),
        "C": normal(batch, length, states),
        "D": normal(channels),
        "z": normal(batch, length, channels),
        "delta_bias": normal(channels),
        "initial_state": normal(batch, channels, states),
    }


def run(tensors, form, reverse=False, softplus=True, gradients=True):
    """(y, last state, {name: gradient}) of one form, weighted so that every output matters."""
    leaves = {name: t.detach().clone().requires_grad_(gradients) for name, t in tensors.items()}
    y, last = selective_scan(**leaves, delta_softplus=softplus, return_last_state=True, reverse=reverse, form=form)
    if gradients:
        draw = torch.Generator().manual_seed(1)
        weights = [torch.randn(t.shape, generator=draw, dtype=torch.float64).to(t.dtype) for t in (y, last)]
        ((y * weights[0]).sum() + (last * weights[1]).sum()).backward()
    return y.detach(), last.detach(), {name: leaf.grad for name, leaf in leaves.items()}


def assert_close(found, expected, tolerance):
    """Equal within `tolerance` of the largest expected value."""
    assert found.shape == expected.shape
    if expected.numel():
        scale = expected.abs().max().double().clamp(min=1e-6)
        assert ((found.double() - expected.double()).abs().max() / scale).item() < tolerance


def assert_agrees(tensors, form, tolerance=2e-5, **options):
    wide = {name: t.double() for name, t in tensors.items()}
    expected = run(wide, "reference", **options)
    found = run(tensors, form, **options)
    for a, b in zip(found[:2], expected[:2], strict=True):
        assert_close(a, b, tolerance)
    for name in tensors:
        assert_close(found[2][name], expected[2][name], tolerance)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 49, 100])
def test_lengths(form, length, reverse):
    assert_agrees(operands(length=length), form, reverse=reverse)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("states", [1, 2, 3, 4, 5, 8, 13, 16, 17, 64])
@pytest.mark.parametrize("channels", [1, 16, 19])
def test_states_and_channels(form, states, channels):
    assert_agrees(operands(states=states, channels=channels, length=19), form)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("channels", [31, 32, 33, 64, 65, 130, 257])
def test_many_channels(form, channels):
    assert_agrees(operands(channels=channels, length=18, states=16, batch=1), form)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("batch", [3, 70])
def test_batches(form, batch):
    assert_agrees(operands(batch=batch, length=20, channels=40, states=16), form)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("left_out", [("D",), ("z",), ("delta_bias",), ("initial_state",), NAMES[5:]])
@pytest.mark.parametrize("softplus", [False, True])
def test_optional_operands(form, left_out, softplus):
    tensors = {name: t for name, t in operands().items() if name not in left_out}
    tensors["delta"] = tensors["delta"].abs() / 4
    if "delta_bias" in tensors:
        tensors["delta_bias"] = tensors["delta_bias"].abs()
    assert_agrees(tensors, form, softplus=softplus)


@pytest.mark.parametrize("form", [*FAST, "reference"])
@pytest.mark.parametrize("reverse", [False, True])
def test_no_tokens_returns_initial_state(form, reverse):
    tensors = operands(length=0)
    y, last, grads = run(tensors, form, reverse)
    assert y.shape == (2, 0, 21)
    assert torch.equal(last, tensors["initial_state"])
    assert grads["initial_state"].abs().sum() > 0


@pytest.mark.parametrize("form", [*FAST, "reference"])
def test_no_sequences(form):
    y, last, _ = run(operands(batch=0), form)
    assert y.shape == (0, 37, 21) and last.shape == (0, 21, 5)


@pytest.mark.parametrize("form", ["torch", "reference"])
@pytest.mark.parametrize("reverse", [False, True])
def test_gradcheck(form, reverse):
    tensors = operands(batch=2, length=5, channels=3, states=2, dtype=torch.float64)
    leaves = [t.requires_grad_() for t in tensors.values()]

    def call(*args):
        return selective_scan(
            **dict(zip(NAMES, args, strict=True)),
            delta_softplus=True,
            return_last_state=True,
            reverse=reverse,
            form=form,
        )

    assert torch.autograd.gradcheck(call, leaves)


def test_torch_form_in_several_segments(monkeypatch):
    monkeypatch.setattr("mixel.backend.scan.torch_form.SEGMENT_ELEMENTS", 2 * 21 * 5 * 9)
    assert_agrees(operands(length=40), "torch")
    assert_agrees(operands(length=40), "torch", reverse=True)


@pytest.mark.parametrize("form", [*FAST, "reference"])
@pytest.mark.parametrize("reverse", [False, True])
def test_causality(form, reverse):
    tensors = operands(length=40)
    before, _, _ = run(tensors, form, reverse, gradients=False)
    for name in ("u", "delta", "B", "C", "z"):
        tensors[name][:, 23] += 1
    after, _, _ = run(tensors, form, reverse, gradients=False)
    changed = (before != after).any(-1).any(0)
    unseen = changed[24:] if reverse else changed[:23]
    assert not unseen.any() and changed[23]


@pytest.mark.parametrize("form", [*FAST, "reference"])
def test_reverse_is_forward_of_turned_sequence(form):
    tensors = operands(length=35)
    turned = {name: t.flip(1) if name in ("u", "delta", "B", "C", "z") else t for name, t in tensors.items()}
    y, last, _ = run(tensors, form, reverse=True, gradients=False)
    y_turned, last_turned, _ = run(turned, form, gradients=False)
    torch.testing.assert_close(y, y_turned.flip(1))
    torch.testing.assert_close(last, last_turned)


@pytest.mark.parametrize("form", [*FAST, "reference"])
@pytest.mark.parametrize("cut", [1, 16, 29])
@pytest.mark.parametrize("reverse", [False, True])
def test_state_carried_over_a_cut_equals_whole(form, cut, reverse):
    tensors = operands(length=50)
    whole, last, _ = run(tensors, form, reverse, gradients=False)
    parts = [slice(cut, None), slice(0, cut)] if reverse else [slice(0, cut), slice(cut, None)]
    state, rows = tensors["initial_state"], []
    for part in parts:
        piece = {name: t[:, part] if name in ("u", "delta", "B", "C", "z") else t for name, t in tensors.items()}
        y, state, _ = run({**piece, "initial_state": state}, form, reverse, gradients=False)
        rows.append(y)
    torch.testing.assert_close(torch.cat(rows[::-1] if reverse else rows, 1), whole, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("step", [1e-30, 1e-6, 30.0, 1e4])
def test_huge_and_tiny_steps(form, step):
    tensors = {name: t for name, t in operands(length=40).items() if name != "delta_bias"}
    tensors["delta"] = torch.full_like(tensors["delta"], step)
    assert_agrees(tensors, form, softplus=False)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("offset", [-200.0, -30.0, 25.0, 200.0])
def test_extreme_softplus(form, offset):
    tensors = operands(length=33)
    tensors["delta"] = tensors["delta"] + offset
    assert_agrees(tensors, form)


@pytest.mark.parametrize("form", FAST)
def test_extreme_gates(form):
    tensors = operands(length=33)
    tensors["z"] = tensors["z"] * 60
    assert_agrees(tensors, form)


@pytest.mark.parametrize("form", FAST)
def test_growing_states(form):
    tensors = operands(length=20)
    tensors["A"] = -0.2 * tensors["A"]
    assert_agrees(tensors, form)


@pytest.mark.parametrize("step", [2.0, 0.6, 0.2, 0.05, 1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("states", [3, 16])
@pytest.mark.parametrize("softplus", [False, True])
def test_slow_decay_of_biased_input(states, step, softplus):
    """A state that forgets over thousands of tokens shows every error of its decay thousands of times."""
    draw = torch.Generator().manual_seed(0)

    def above(least, *shape):
        return least + torch.rand(*shape, generator=draw)

    rows = {name: above(0.5, 1, 20_000, size) for name, size in (("u", 17), ("B", states), ("C", states))}
    delta = torch.full((1, 20_000, 17), step)
    tensors = {**rows, "delta": torch.log(torch.expm1(delta)) if softplus else delta, "A": -above(1, 17, states)}
    leaves = {name: one.clone().requires_grad_() for name, one in tensors.items()}
    wide = {name: one.double().requires_grad_() for name, one in tensors.items()}
    found = selective_scan(**leaves, delta_softplus=softplus, form="numba")
    expected = selective_scan(**wide, delta_softplus=softplus, form="torch")
    assert_close(found.detach(), expected.detach(), 1e-6)
    gradients = [torch.autograd.grad(y.sum(), list(x.values())) for y, x in ((found, leaves), (expected, wide))]
    for mine, theirs in zip(*gradients, strict=True):
        assert_close(mine, theirs, 2e-6 if softplus else 1e-6)


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("run_length", [1, 16, 23])
def test_steps_of_every_size_in_one_sequence(form, run_length):
    """Decays near 1, ordinary ones and vanishing ones: each kind has a way of its own, and states go through all."""
    tensors = {name: t for name, t in operands(length=120, states=6).items() if name != "delta_bias"}
    sizes = torch.tensor([1e-4, 0.3, 1e-3, 1e3, 1e-4, 20.0]).repeat_interleave(run_length).repeat(20)[:120]
    tensors["delta"] = (sizes[:, None] * (1 + torch.arange(21) / 21)).expand(2, 120, 21).clone()
    assert_agrees(tensors, form, softplus=False)


@pytest.mark.parametrize("form", [*FAST, "reference"])
@pytest.mark.parametrize("name", ["u", "delta", "z"])
def test_nan_stays_in_its_channel(form, name):
    tensors = operands(length=40)
    clean, _, _ = run(tensors, form, gradients=False)
    tensors[name][1, 7, 4] = float("nan")
    y, _, _ = run(tensors, form, gradients=False)
    broken = torch.isnan(y)
    assert broken[1, 7:, 4].all() if name != "z" else broken[1, 7, 4]
    broken[1, 7:, 4] = False
    assert not broken.any()
    untouched = torch.arange(21) != 4
    assert torch.equal(y[..., untouched], clean[..., untouched])


@pytest.mark.parametrize("form", FAST)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(form, dtype):
    tensors = operands(dtype=dtype)
    y, last, grads = run(tensors, form)
    assert y.dtype == dtype and all(grad.dtype == dtype for grad in grads.values())
    expected, state, _ = run({name: t.float() for name, t in tensors.items()}, "reference")
    assert_close(y, expected, 1e-2)
    assert_close(last, state, 1e-2)


@pytest.mark.parametrize("form", FAST)
def test_mixed_precision_keeps_decay_wide(form):
    tensors = operands()
    narrow = {name: t.bfloat16() if name in ("u", "delta", "B", "C", "z") else t for name, t in tensors.items()}
    y, _, grads = run(narrow, form)
    assert y.dtype == torch.bfloat16 and grads["A"].dtype == torch.float32 and grads["B"].dtype == torch.bfloat16


@pytest.mark.parametrize("form", FAST)
def test_non_contiguous(form):
    tensors = operands(length=33)
    plain = run(tensors, form)
    double = {name: torch.stack((t, t), -1)[..., 0] if t.dim() < 3 else t for name, t in tensors.items()}
    double["u"], double["z"] = torch.cat((tensors["u"], tensors["z"]), -1).split(21, -1)
    double["delta"] = tensors["delta"].transpose(0, 1).contiguous().transpose(0, 1)
    double["B"] = tensors["B"].transpose(1, 2).contiguous().transpose(1, 2)
    double["C"] = torch.cat((tensors["B"], tensors["C"]), -1)[..., 5:]
    y, last = selective_scan(**double, delta_softplus=True, return_last_state=True, form=form)
    torch.testing.assert_close(y, plain[0])
    torch.testing.assert_close(last, plain[1])


@pytest.mark.parametrize("form", FAST)
def test_expanded_gradient(form):
    tensors = {name: t.requires_grad_() for name, t in operands().items()}
    selective_scan(**tensors, delta_softplus=True, form=form).sum().backward()
    found = tensors["u"].grad.clone()
    wide = {name: t.detach().double().requires_grad_() for name, t in tensors.items()}
    selective_scan(**wide, delta_softplus=True, form="reference").sum().backward()
    assert_close(found, wide["u"].grad, 2e-5)


@pytest.mark.parametrize("form", FAST)
def test_only_some_operands_need_gradients(form):
    tensors = operands()
    tensors["u"].requires_grad_()
    selective_scan(**tensors, delta_softplus=True, form=form).square().sum().backward()
    assert tensors["u"].grad is not None and tensors["A"].grad is None


def test_float64_is_served_and_said():
    assert chosen_form("cpu", torch.float64).name == "torch"
    assert chosen_form("cpu", torch.float64).sentence


def test_wrong_shapes_are_refused_with_a_sentence():
    tensors = operands()
    with pytest.raises(ValueError, match="delta of shape"):
        selective_scan(**{**tensors, "delta": tensors["delta"][:, 1:]})
    with pytest.raises(ValueError, match="add the missing axes"):
        selective_scan(**{**tensors, "u": tensors["u"][0]})
    with pytest.raises(ValueError, match="real floating point"):
        selective_scan(**{**tensors, "z": tensors["z"].long()})
    with pytest.raises(ValueError, match="no scan form called"):
        selective_scan(**tensors, form="fortran")
