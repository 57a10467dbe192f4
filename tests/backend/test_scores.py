"""The last step of image-level networks' mapping in kernels: norm, head, softmax, in their place on a board."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import mapping, pieces
from mixel.backend.methods.regression import LARGEST, Regression
from mixel.backend.methods.squares import Squares

SIDE = 4


def board(channels: int, seed: int) -> torch.Tensor:
    return torch.randn(20, 24, channels, generator=torch.Generator().manual_seed(seed))


def part(values: torch.Tensor) -> torch.Tensor:
    """Two by three squares from the middle of a board."""
    return pieces.Piece(Squares(SIDE, (12, 16), (0, 0)), (0, 2), (1, 4)).of(values)


def both(width: int, classes: int, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Scores before; shares as the kernel and as torch make them of features, on whole boards."""
    torch.manual_seed(width + classes)
    norm, head = torch.nn.LayerNorm(width), torch.nn.Linear(width, classes)
    torch.nn.init.normal_(norm.weight)
    features, scores = board(width, 1), scale * board(classes, 2)
    found, expected = scores.clone(), scores.clone()
    with torch.inference_mode():
        mapping.classified(norm, head)(part(features), part(found))
        part(expected).copy_(torch.softmax(part(scores) + head(norm(part(features))), dim=-1))
    return scores, found, expected


@pytest.mark.parametrize(("width", "classes"), [(64, 16), (64, 2), (8, 17), (40, 33), (24, 1), (16, 300)])
def test_the_kernel_gives_what_torch_gives_in_its_place_and_nowhere_else(width: int, classes: int) -> None:
    scores, found, expected = both(width, classes)
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=1e-5)
    changed = (found != scores).any(dim=-1)
    touched = torch.zeros(changed.shape)
    part(touched[..., None]).fill_(1)
    assert torch.equal(changed, touched > 0) or classes == 1
    torch.testing.assert_close(part(found).sum(dim=-1), torch.ones(2, 3, SIDE, SIDE), atol=1e-5, rtol=0)


def test_scores_far_apart_stay_finite() -> None:
    _, found, expected = both(32, 5, scale=1e6)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("classes", "bands", "shape"), [(16, 30, (9, 14)), (3, 5, (1, 1)), (33, 7, (70, 3))])
def test_the_regression_of_a_cube_in_either_form(compiled, classes, bands, shape, monkeypatch) -> None:
    monkeypatch.setattr(mapping, "compiled", lambda: compiled)
    generator = np.random.default_rng(classes)
    values = [generator.normal(size=size).astype(np.float32) for size in (bands, (classes, bands), classes)]
    cube = Cube(Window(0, 0, *shape), generator.random((bands, *shape), np.float32), np.ones(shape, bool))
    for broken, expected in ((1e30, LARGEST * np.sign(values[1].sum(axis=1))), (np.nan, -LARGEST)):
        cube.reflectance[:, -1, -1] = broken
        assert np.array_equal(
            mapping.regressed(Regression(*values), cube, 2)[-3, -3], np.broadcast_to(expected, classes)
        )
    cube.reflectance[:, -1, -1] = 0.5
    found = mapping.regressed(Regression(*values), cube, 2)
    expected = np.einsum("cl,lhw->hwc", values[1], cube.reflectance - values[0][:, None, None]) + values[2]
    assert found.shape == (shape[0] + 4, shape[1] + 4, classes)
    np.testing.assert_allclose(found[2:-2, 2:-2].numpy(), expected, atol=1e-4)
    assert not found[:2].any() and not found[:, -2:].any()
