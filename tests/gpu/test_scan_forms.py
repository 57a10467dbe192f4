"""The scan's forms on a real NVIDIA graphics processor: ``make test-gpu``. On a machine without one these fail."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.scan import MambaBlock, forms, selective_scan


@pytest.mark.parametrize("name", [form.name for form in forms("cuda") if "cannot be imported" not in form.sentence])
def test_every_form_that_can_be_imported_agrees_with_the_reference(name):
    (choice,) = [form for form in forms("cuda") if form.name == name]
    assert choice.available, choice.sentence


@pytest.mark.parametrize("length", [1, 49, 1000, 20_000])
def test_the_chosen_form_gives_the_reference_on_the_device(length):
    draw = torch.Generator().manual_seed(0)
    u, delta, z = (torch.randn(2, length, 33, generator=draw) for _ in range(3))
    B, C = (torch.randn(2, length, 16, generator=draw) for _ in range(2))
    A = -torch.rand(33, 16, generator=draw) - 0.1
    here = selective_scan(u, delta, A, B, C, z=z, delta_softplus=True, form="reference")
    there = selective_scan(*(x.cuda() for x in (u, delta, A, B, C)), z=z.cuda(), delta_softplus=True)
    torch.testing.assert_close(there.cpu(), here, rtol=1e-4, atol=1e-4)


def test_a_block_learns_on_the_device():
    torch.manual_seed(0)
    block = MambaBlock(32).cuda()
    block(torch.randn(2, 500, 32, device="cuda")).square().sum().backward()
    assert all(torch.isfinite(one.grad).all() for one in block.parameters())
