"""The translation to mamba_ssm and causal_conv1d, against packages that are played and as strict as the real ones."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from mixel.backend.scan import proof, reference
from mixel.backend.scan.inputs import ScanInputs


@pytest.fixture
def played(monkeypatch):
    """Both packages, in torch: they take (b, d, l), contiguous, of one precision, as the real kernels insist."""
    seen = SimpleNamespace(dtypes=set(), calls=0)

    def same(*tensors):
        given = [one for one in tensors if one is not None]
        seen.dtypes |= {one.dtype for one in given}
        seen.calls += 1
        assert len({one.dtype for one in given}) == 1 and all(one.is_contiguous() for one in given)

    def selective_scan_fn(u, delta, A, B, C, D, z, delta_bias, delta_softplus, return_last_state):
        same(u, delta, B, C, z)
        assert {one.dtype for one in (A, D, delta_bias) if one is not None} == {torch.float32}
        rows = [None if one is None else one.transpose(1, 2) for one in (u, delta, B, C, z)]
        y, last = reference.scan(
            ScanInputs(rows[0], rows[1], A, rows[2], rows[3], D, rows[4], delta_bias, None, delta_softplus, False)
        )
        return (y.transpose(1, 2), last) if return_last_state else y.transpose(1, 2)

    def causal_conv1d_fn(x, weight, bias, activation):
        same(x, weight, bias)
        return reference.conv(x.transpose(1, 2), weight, bias, activation == "silu", False).transpose(1, 2)

    packages = {
        "mamba_ssm": {},
        "mamba_ssm.ops": {},
        "mamba_ssm.ops.selective_scan_interface": {"selective_scan_fn": selective_scan_fn},
        "causal_conv1d": {"causal_conv1d_fn": causal_conv1d_fn},
    }
    for name, content in packages.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    from mixel.backend.scan import mamba_ssm_form

    seen.form = mamba_ssm_form
    return seen


def test_it_passes_the_proof_in_both_directions_and_in_half_precision(played):
    assert proof.fault(played.form, torch.device("cpu")) == ""
    assert played.dtypes == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("reverse", [False, True])
def test_half_precision_comes_back_as_it_came(played, dtype, reverse):
    inputs = proof.trial(20, 8, 4, reverse, True)
    small = [None if one is None else one.to(dtype) for one in inputs.tensors]
    y, last = played.form.apply(inputs.with_tensors(*small), True)
    exact, state = reference.scan(inputs.with_tensors(*(None if one is None else one.float() for one in small)))
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), exact, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close(last, state, rtol=1e-4, atol=1e-4)
    x, weight, bias = torch.randn(2, 9, 3).to(dtype), torch.randn(3, 4), torch.randn(3).to(dtype)
    assert played.form.conv(x, weight, bias, True, reverse).dtype == dtype


def test_widths_that_causal_conv1d_lacks_are_torchs(played):
    x, weight = torch.randn(1, 9, 3), torch.randn(3, 7)
    found = played.form.conv(x, weight, None, False, False)
    torch.testing.assert_close(found, reference.conv(x, weight, None, False, False), rtol=1e-4, atol=1e-5)
    assert played.calls == 0


def test_what_its_kernels_cannot_do_is_refused(played):
    with pytest.raises(ValueError, match="256 states at most"):
        played.form.apply(proof.trial(5, 2, 300, False, True), False)
    inputs = proof.trial(5, 2, 3, False, True)
    with pytest.raises(ValueError, match="no initial state"):
        played.form.apply(inputs.with_tensors(*inputs.tensors[:8], torch.zeros(2, 2, 3)), False)
