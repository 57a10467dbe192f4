"""Patches around labelled pixels: normalised spectra, mirrored margins, which patches are drawn, turned, changed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.patches import Draw, Normalisation, Patches, reflected, symmetries
from stripes import data, made_scene


def test_normalised_training_pixels_are_white() -> None:
    generator = np.random.default_rng(0)
    pixels = (generator.normal(size=(300, 6)) @ generator.normal(size=(6, 9)) * 0.1 + 0.3).astype(np.float32)
    found = Normalisation.of(pixels, 40)
    assert found.projection.shape == (9, 6)
    cube = Cube(Window(0, 0, 300, 1), np.ascontiguousarray(pixels.T)[:, :, None], np.ones((300, 1), dtype=bool))
    scores = found.spectra(cube, slice(None)).numpy()
    np.testing.assert_allclose(scores.T @ scores / 300, np.eye(6), atol=0.05)


@pytest.mark.parametrize("count", [1, 2])
def test_a_flat_band_and_very_few_pixels_are_no_fault(count: int) -> None:
    pixels = np.full((count, 5), 0.25, dtype=np.float32)
    pixels[-1, 0] = 0.5
    found = Normalisation.of(pixels, 3)
    assert found.projection.shape == (5, 1)
    assert all(np.isfinite(one).all() for one in vars(found).values())
    assert (found.scale > 0).all()


@pytest.mark.parametrize(("rows", "cols", "margin"), [(5, 4, 2), (1, 6, 3), (2, 2, 5), (3, 7, 0)])
def test_mirrored_margins_against_a_loop(rows: int, cols: int, margin: int) -> None:
    def fold(place: int, size: int) -> int:
        while not 0 <= place < size:
            place = -place if place < 0 else 2 * (size - 1) - place
            if size == 1:
                return 0
        return place

    found = reflected(rows, cols, margin)
    assert found.shape == (rows + 2 * margin, cols + 2 * margin)
    for (row, col), pixel in np.ndenumerate(found):
        assert pixel == fold(row - margin, rows) * cols + fold(col - margin, cols)


def test_symmetries_are_the_eight_of_the_square_and_keep_its_centre() -> None:
    found = symmetries(5)
    assert found[0].tolist() == list(range(25))
    assert len({tuple(one.tolist()) for one in found}) == 8
    assert (found[:, 12] == 12).all()
    assert (found.sort(dim=1).values == torch.arange(25)).all()
    corners = {tuple(one[[0, 4, 20, 24]].tolist()) for one in found}
    assert all(set(one) == {0, 4, 20, 24} for one in corners)


def test_patches_hold_the_surroundings_of_their_pixel() -> None:
    cube, classes = made_scene()
    training = data(cube, classes, every=7)
    patches = Patches(training.training, Normalisation.of(training.training[0].pixels, 12), 2)
    whole = Normalisation.of(training.training[0].pixels, 12).spectra(cube, slice(None)).numpy().reshape(23, 17, -1)
    at = np.argwhere(training.training[0].labels > 0)
    padded = np.pad(whole, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    assert len(patches) == len(at)
    for (row, col), index, label in zip(at, patches.index(slice(None)), patches.classes, strict=True):
        expected = padded[row : row + 5, col : col + 5].reshape(25, -1)
        np.testing.assert_allclose(patches.table[index].numpy(), expected, rtol=1e-4, atol=1e-5)
        assert label == classes[row, col] - 1


def test_batches_of_several_tiles_are_what_padding_each_gives() -> None:
    scenes = [made_scene(), made_scene(9, 31, seed=4), made_scene(1, 3, seed=5)]
    tiles = [data(*one, every=2).training[0] for one in scenes]
    normalisation, spectra, classes = Normalisation.of(tiles[0].pixels, 6), [], []
    for tile in tiles:
        values = normalisation.spectra(tile.cube, slice(None)).numpy().reshape(*tile.labels.shape, -1)
        padded = np.pad(values, ((4, 4), (4, 4), (0, 0)), mode="reflect")
        at = np.argwhere(tile.labels > 0)
        spectra += [padded[row : row + 9, col : col + 9].reshape(81, -1) for row, col in at]
        classes += [tile.labels[row, col] - 1 for row, col in at]
    patches = Patches(tiles, normalisation, 4)
    found = [patches.part(slice(first, first + 50)) for first in range(0, len(patches), 50)]
    np.testing.assert_allclose(torch.cat([one for one, _ in found]).numpy(), spectra, rtol=1e-4, atol=1e-5)
    assert torch.cat([one for _, one in found]).tolist() == classes


@pytest.mark.parametrize("reach", [1, 7])
def test_a_patch_takes_less_than_32_bytes_beside_the_spectra(reach: int) -> None:
    cube, classes = made_scene(100, 120)
    patches = Patches(data(cube, classes, every=1).training, Normalisation.of(cube.pixels, 4), reach)
    held = {name: one.nbytes for name, one in vars(patches).items() if isinstance(one, torch.Tensor)}
    assert (sum(held.values()) - held["table"]) / len(patches) < 32


def test_every_patch_is_drawn_once_before_any_is_drawn_twice() -> None:
    cube, classes = made_scene()
    training = data(cube, classes, every=9)
    patches = Patches(training.training, Normalisation.of(training.training[0].pixels, 4), 1)
    patches.classes = torch.arange(len(patches))
    draw, seen = Draw(patches, 5, 0.0, 0), []
    for _ in range(len(patches)):
        seen += draw()[1].tolist()
    assert sorted(seen[: len(patches)]) == list(range(len(patches)))
    assert np.bincount(seen).tolist() == [5] * len(patches)


def test_drawn_patches_are_turned_but_keep_their_centre() -> None:
    cube, classes = made_scene()
    training = data(cube, classes, every=40)
    patches = Patches(training.training, Normalisation.of(training.training[0].pixels, 4), 1)
    patches.classes = torch.arange(len(patches))
    spectra, which = Draw(patches, 200, 0.0, 0)()
    own = patches.table[patches.index(which)]
    torch.testing.assert_close(spectra[:, 4], own[:, 4])
    assert 0.05 < float((spectra == own).all(dim=2).all(dim=1).float().mean()) < 0.3
    torch.testing.assert_close(spectra.sum(dim=1), own.sum(dim=1), rtol=1e-3, atol=1e-3)


def test_noise_changes_the_spectra() -> None:
    cube, classes = made_scene()
    patches = Patches(data(cube, classes).training, Normalisation.of(data(cube, classes).training[0].pixels, 4), 1)
    plain, noisy = Draw(patches, 20, 0.0, 3)()[0], Draw(patches, 20, 0.2, 3)()[0]
    assert 0.05 < float((plain - noisy).std()) < 1
