"""Least squares in torch's operators, as graphics cards run them, against the exact solver of the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.abundances import batched, least_squares


def scene(count, endmembers, bands, seed=0, noise=0.02):
    draw = np.random.default_rng(seed)
    spectra = draw.random((endmembers, bands)).astype(np.float32)
    shares = draw.dirichlet(np.full(endmembers, 0.3), count)
    return (shares @ spectra + noise * draw.standard_normal((count, bands))).astype(np.float32), spectra


@pytest.mark.parametrize(("endmembers", "bands"), [(1, 5), (2, 3), (5, 20), (12, 40), (30, 60)])
def test_it_is_the_exact_solution(endmembers, bands):
    pixels, spectra = scene(300, endmembers, bands)
    found = batched.nonnegative(torch.from_numpy(pixels), torch.from_numpy(spectra))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), least_squares.nonnegative(pixels, spectra), atol=2e-5)


def test_pixels_in_parts_are_the_same_pixels(monkeypatch):
    pixels, spectra = (torch.from_numpy(one) for one in scene(101, 4, 9))
    whole = batched.nonnegative(pixels, spectra)
    monkeypatch.setattr(batched, "PART", 16 * 7)
    torch.testing.assert_close(batched.nonnegative(pixels, spectra), whole, rtol=0, atol=1e-6)


def test_equal_endmembers_dark_pixels_and_none_at_all_have_a_solution():
    pixels, spectra = scene(50, 3, 9)
    twice = np.concatenate([spectra, spectra[:1]])
    found = batched.nonnegative(torch.from_numpy(pixels), torch.from_numpy(twice)).numpy()
    exact = least_squares.nonnegative(pixels, spectra)
    np.testing.assert_allclose(found @ twice, exact @ spectra, atol=1e-4)
    assert (batched.nonnegative(torch.zeros(2, 9), torch.from_numpy(spectra)) == 0).all()
    assert (batched.nonnegative(-torch.ones(2, 9), torch.from_numpy(spectra)) == 0).all()
    assert batched.nonnegative(torch.zeros(0, 9), torch.from_numpy(spectra)).shape == (0, 3)
