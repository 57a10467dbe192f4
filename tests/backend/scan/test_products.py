"""Matrix products by the chosen library equal torch's own, values and gradients."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.scan import products
from torch.nn import functional


@pytest.fixture(params=[True, False])
def onednn(request, monkeypatch):
    monkeypatch.setattr(products, "uses_onednn", lambda: request.param)
    monkeypatch.setattr(products, "SMALL", 0)


@pytest.mark.parametrize(
    ("rows", "inner", "outer"), [((3, 50), 64, 20), ((7,), 5, 130), ((1, 1), 1, 1), ((2, 0), 4, 3)]
)
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients(onednn, rows, inner, outer, bias):
    torch.manual_seed(0)
    leaves = [torch.randn(*rows, inner), torch.randn(outer, inner), torch.randn(outer) if bias else None]
    narrow = [None if leaf is None else leaf.clone().requires_grad_() for leaf in leaves]
    wide = [None if leaf is None else leaf.double().requires_grad_() for leaf in leaves]
    found, expected = products.linear(*narrow), functional.linear(*wide)
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5)
    found.square().sum().backward()
    expected.square().sum().backward()
    for a, b in zip(narrow, wide, strict=True):
        if a is not None:
            torch.testing.assert_close(a.grad, b.grad.float(), rtol=1e-4, atol=1e-3)


def test_transposed_and_sliced_operands(onednn):
    x, weight = torch.randn(30, 40).t()[:, 3:25], torch.randn(22, 9).t()
    torch.testing.assert_close(products.linear(x, weight), x @ weight.t(), rtol=1e-5, atol=1e-5)


def test_an_inexact_library_is_not_used(monkeypatch):
    monkeypatch.setattr(products, "_product", lambda x, w, bias=None: (x.bfloat16() @ w.t().bfloat16()).float())
    used, why = products._judgement.__wrapped__()
    assert not used and ("error" in why or "not part" in why)


def test_the_choice_is_said():
    assert products.sentence().startswith("Matrix products run in")
