"""SpectralMamba: its size, pieces and gaps, borders and windows, stored models and hostile ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.contract import Labelled
from mixel.backend.methods.spectralmamba import method
from mixel.backend.methods.spectralmamba.config import Config
from mixel.backend.methods.spectralmamba.network import Merging, SpectralMamba, gaps, pieces
from strangers import SPOILERS
from stripes import BANDS, CLASSES, CPU, data, made_scene, silent

SMALL = {"epochs": 60, "width": 16, "states": 4, "batch": 16, "pieces": 4}


def fitted(known, **settings):
    return method.fit(known, build(Config, {**SMALL, **settings}), CPU, silent)


@pytest.fixture(scope="module")
def stripes():
    cube, classes = made_scene()
    return cube, classes, fitted(data(cube, classes))


@pytest.mark.parametrize(("patch", "most"), [(1, 15_000), (3, 50_000)])
def test_it_is_as_small_as_published(patch, most):
    network = SpectralMamba(Config(patch=patch), 145, 14, None)
    assert 8_000 < sum(one.numel() for one in network.parameters()) < most


def test_known_classes_are_found_again_also_at_the_borders(stripes):
    cube, classes, machine = stripes
    found = machine.classify(cube).argmax(axis=0) + 1
    assert (found == classes)[cube.valid].mean() > 0.9
    assert (found == classes)[:, [0, -1]].mean() > 0.85


def test_the_pixel_wise_variant_looks_at_no_neighbour():
    cube, classes = made_scene()
    machine = fitted(data(cube, classes), patch=1)
    other = cube.reflectance.copy()
    other[:, :10] += 0.2
    changed = Cube(cube.window, other, cube.valid)
    whole, again = machine.classify(cube), machine.classify(changed)
    assert np.allclose(whole[:, 10:], again[:, 10:], atol=1e-6, equal_nan=True)
    assert method.plan(machine.config).halo == 0


@pytest.mark.parametrize("patch", [1, 3, 5])
def test_window_by_window_equals_the_whole(patch):
    cube, classes = made_scene()
    machine = fitted(data(cube, classes), patch=patch, epochs=3)
    halo, whole = method.plan(machine.config).halo, machine.classify(cube)
    rows, cols = slice(7, 13), slice(4, 9)
    around = (slice(7 - halo, 13 + halo), slice(4 - halo, 9 + halo))
    valid = cube.valid[around]
    part = machine.classify(Cube(Window(7, 4, 6, 5, (halo,) * 4), cube.reflectance[(slice(None), *around)], valid))
    inner = part[:, halo : halo + 6, halo : halo + 5]
    assert np.allclose(inner, whole[:, rows, cols], atol=1e-5, equal_nan=True)


def test_mapping_gives_what_training_saw(stripes):
    """Patches in training and strips in mapping are two ways to the same scores."""
    cube, _, machine = stripes
    labels = np.zeros(cube.valid.shape, np.int16)
    labels[9, 7], labels[0, 0] = 1, 2
    patches = method.Patches([Labelled(cube, labels)], machine.normalisation, machine.config.reach)
    with torch.inference_mode():
        spectra, _ = patches.part(slice(10))
        scores = method._scores(machine.network, spectra) + machine.regression.scores(cube, np.flatnonzero(labels))
        scores = torch.softmax(scores, dim=1).numpy()
    mapped = machine.classify(cube)
    assert np.allclose(scores, [mapped[:, 0, 0], mapped[:, 9, 7]], atol=1e-5)


def test_probabilities_and_nodata(stripes):
    cube, _, machine = stripes
    found = machine.classify(cube)
    assert np.isnan(found[:, 4, 3]).all() and np.isnan(found).sum() == CLASSES
    assert np.allclose(found[:, cube.valid].sum(axis=0), 1, atol=1e-5)


def test_merging_against_a_loop():
    merging = Merging(5, 3)
    grid = torch.rand(2, 5, 7, 9)
    fast = merging(grid)
    mask = torch.sigmoid(merging.pointwise(merging.depthwise(grid).permute(0, 2, 3, 1)))
    for row in range(3):
        for col in range(5):
            total = sum(
                mask[0, row + i, col + j] * grid[0, :, row + i + 1, col + j + 1] for i in range(3) for j in range(3)
            )
            assert torch.allclose(fast[0, row, col], 2 * total / 9, atol=1e-6)


def test_pieces_hold_every_band_and_repeat_the_last():
    assert pieces(7, 3, "stride").tolist() == [[0, 3, 6], [1, 4, 6], [2, 5, 6]]
    assert pieces(7, 3, "block").tolist() == [[0, 1, 2], [3, 4, 5], [6, 6, 6]]
    assert pieces(2, 6, "stride").shape == (1, 6)


def test_gaps_are_known_to_the_scan():
    axis = np.array([400, 410, 420, 430, 590, 600], np.float32)
    assert gaps(axis, 6).tolist() == [0, 0, 0, 0, 4, 0]
    assert not gaps(None, 6).any() and not gaps(axis[:2], 2).any()
    torch.manual_seed(0)
    regular = SpectralMamba(Config(patch=1), 60, 3, np.linspace(400, 1000, 60))
    torch.manual_seed(0)
    broken = SpectralMamba(Config(patch=1), 60, 3, np.r_[np.linspace(400, 700, 30), np.linspace(900, 1200, 30)])
    spectra = torch.rand(4, 60)
    assert not torch.allclose(regular(spectra), broken(spectra))


def test_the_same_seed_gives_the_same_and_another_seed_another_map():
    cube, classes = made_scene()
    first, again, other = (fitted(data(cube, classes), seed=seed, epochs=3).classify(cube) for seed in (1, 1, 2))
    assert np.array_equal(first, again, equal_nan=True) and not np.array_equal(first, other, equal_nan=True)


@pytest.mark.parametrize("layout", ["stride", "block"])
@pytest.mark.parametrize("patch", [1, 3])
def test_every_weight_is_trained(patch, layout):
    network = SpectralMamba(Config(patch=patch, layout=layout, dropout=0), BANDS, CLASSES, None)
    grid = torch.rand(6, BANDS, *(2 * (2 * Config(patch=patch).reach + 1,)))
    network(network.merge(grid)).square().sum().backward()
    assert all(one.grad is not None and one.grad.abs().sum() > 0 for one in network.parameters())


def test_validation_keeps_the_best_step():
    cube, classes = made_scene()
    machine = fitted(data(cube, classes, validation=20))
    assert machine.record.validation and machine.record.best_step in dict(machine.record.validation)


def test_normalisation_is_fitted_on_the_labelled_pixels_alone():
    cube, classes = made_scene()
    known = data(cube, classes)
    before = fitted(known, epochs=1).normalisation
    cube.reflectance[:, (known.training[0].labels == 0)] = 9
    assert np.array_equal(before.mean, fitted(known, epochs=1).normalisation.mean)


def test_a_flat_band_is_no_fault():
    cube, classes = made_scene()
    cube.reflectance[3] = 0.25
    assert np.isfinite(fitted(data(cube, classes), epochs=3).classify(cube)[:, cube.valid]).all()


@pytest.mark.parametrize("patch", [1, 3])
def test_a_restored_model_gives_the_same_bits(patch):
    cube, classes = made_scene()
    axis = np.linspace(400, 900, BANDS).astype(np.float32)
    first = fitted(data(cube, classes, wavelengths=axis), patch=patch, epochs=3)
    again = method.restore(first.weights(), first.config, CLASSES, axis, CPU)
    assert np.array_equal(first.classify(cube), again.classify(cube), equal_nan=True)


@pytest.mark.parametrize("spoil", SPOILERS)
def test_weights_of_strangers_are_refused_with_a_sentence(stripes, spoil):
    weights = {name: value.copy() for name, value in stripes[2].weights().items()}
    spoil(weights)
    with pytest.raises(ValueError, match="do not belong to a SpectralMamba model"):
        method.restore(weights, stripes[2].config, CLASSES, None, CPU)


def test_other_bands_no_labels_and_even_patches_are_refused(stripes):
    cube, classes, machine = stripes
    with pytest.raises(ValueError, match="has 3 bands; this model was trained on 12"):
        machine.classify(Cube(cube.window, cube.reflectance[:3], cube.valid))
    with pytest.raises(ValueError, match="no training pixels"):
        fitted(data(cube, classes * 0))
    with pytest.raises(ValueError, match="odd number"):
        Config(patch=2)


def test_kernels_and_operators_map_alike(stripes, monkeypatch):
    cube, _, machine = stripes
    found = machine.classify(cube)
    monkeypatch.setattr(SpectralMamba, "mapping", lambda self: self)
    assert np.allclose(machine.classify(cube), found, atol=1e-5, equal_nan=True)
