"""Which form is chosen, and that the choice is never silent."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mixel.backend.scan import chosen_form, forms, proof, selective_scan, torch_form
from mixel.backend.scan import forms as forms_function

ROOT = Path(__file__).resolve().parents[3]
forms_module = sys.modules[forms_function.__module__]
INTERPRETED = """
import torch
from backend.scan import proof, triton_form, selective_scan, forms
assert "triton" in [form.name for form in forms() if form.available]
proof.CALLS = ((70, 4, 2, True, True), (33, 5, 3, False, False))  # as large as an interpreter does in seconds
print(repr(proof.fault(triton_form, torch.device("cpu"))))
torch.manual_seed(0)
for length, states, reverse in ((1, 1, False), (16, 3, True), (33, 4, True), (70, 2, False), (17, 33, True)):
    arguments = [torch.randn(1, length, 3), torch.randn(1, length, 3), -torch.rand(3, states),
                 torch.randn(1, length, states), torch.randn(1, length, states)]
    start = torch.randn(1, 3, states)
    results = []
    for form in ("triton", "torch"):
        leaves = [t.clone().requires_grad_() for t in (*arguments, start)]
        y, last = selective_scan(*leaves[:5], delta_softplus=True, initial_state=leaves[5], return_last_state=True,
                                 reverse=reverse, form=form)
        (y.sum() + last.square().sum()).backward()
        results.append([y, last, *(leaf.grad for leaf in leaves)])
    for a, b in zip(*results):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
broken = torch.randn(1, 20, 3)
broken[0, 5, 1] = float("nan")
y = selective_scan(broken, torch.rand(1, 20, 3), -torch.rand(3, 2), torch.randn(1, 20, 2), torch.randn(1, 20, 2),
                   form="triton")
assert torch.isnan(y[0, 5:, 1]).all() and torch.isnan(y).sum() == 15
"""


def test_cpu_takes_the_compiled_form_and_says_so():
    assert chosen_form("cpu").name == "numba"
    assert chosen_form("cpu").sentence.endswith(".")
    assert chosen_form("cpu", torch.bfloat16).name == "numba"


def test_float64_says_why_it_is_slower():
    choice = chosen_form("cpu", torch.float64)
    assert choice.name == "torch" and "float64" in choice.sentence


def test_missing_numba_is_said(monkeypatch):
    monkeypatch.setattr(forms_module, "_numba_loads", lambda: False)
    choice = chosen_form("cpu")
    assert choice.name == "torch" and "install numba" in choice.sentence


def test_a_form_asked_for_by_name_is_never_replaced():
    tensors = [torch.ones(1, 2, 3, dtype=torch.float64)] * 2
    states = [torch.ones(1, 2, 4, dtype=torch.float64)] * 2
    with pytest.raises(ValueError, match="computes in float32"):
        selective_scan(*tensors, -torch.ones(3, 4, dtype=torch.float64), *states, form="numba")
    with pytest.raises(ValueError, match="no scan form called mamba_ssm"):
        selective_scan(*tensors, -torch.ones(3, 4, dtype=torch.float64), *states, form="mamba_ssm")


def test_every_form_has_a_sentence():
    assert all(choice.sentence.endswith(".") for choice in forms("cpu"))


def test_proof_accepts_a_right_form_and_names_a_wrong_one():
    cpu = torch.device("cpu")
    assert proof.fault(torch_form, cpu) == ""

    def scaled(inputs, keep, last):
        y, end, kept = torch_form.forward(inputs, keep, last)
        return 1.01 * y, end, kept

    def broken(inputs, keep, last):
        raise RuntimeError("no kernel image")

    wrong = SimpleNamespace(forward=scaled, backward=torch_form.backward)
    assert "relative error" in proof.fault(wrong, cpu)
    assert "no kernel image" in proof.fault(SimpleNamespace(forward=broken), cpu)
    nan = SimpleNamespace(
        forward=lambda *a: (torch.nan * torch_form.forward(*a)[0], None, None), backward=lambda *a: []
    )
    assert proof.fault(nan, cpu)


def test_triton_form_in_its_interpreter():
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    command = [sys.executable, "-c", INTERPRETED]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0 and done.stdout.strip() == "''", done.stdout + done.stderr
