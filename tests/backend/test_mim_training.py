"""Mamba-in-Mamba learns from labelled pixels: seeds, weights that are trained, class weights, validation, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.cube import Cube
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.mim import method as mim
from mixel.backend.methods.mim.blocks import STEPS, HalfScans
from mixel.backend.methods.mim.network import Mim
from small_mim import config, fitted
from stripes import CLASSES, CPU, crop, data, made_scene, silent


def test_the_same_seed_gives_the_same_and_another_seed_another_map() -> None:
    cube, classes = made_scene()
    first, again, other = (fitted(cube, classes, seed=seed).classify(cube) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other, equal_nan=True)


@pytest.mark.parametrize("patch", [3, 5, 7, 9])
@pytest.mark.parametrize("mask", [True, False])
def test_every_weight_is_trained(patch: int, mask: bool) -> None:
    """Defect M8: no weight that no loss reaches."""
    torch.manual_seed(0)
    settings = config(patch=patch, decay_mask=mask)
    network = Mim(settings, 8, CLASSES)
    spectra, classes = torch.randn(6, (2 * settings.reach + 1) ** 2, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    network.loss(mim._scales(network, spectra, settings), classes, torch.ones(3), 0.1).backward()
    untrained = {name for name, one in network.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0}
    assert untrained == set()
    assert all(torch.isfinite(one.grad).all() for one in network.parameters())


def test_scales_have_weights_of_their_own_and_one_output_a_class() -> None:
    """Defects M7, M8, M13."""
    network = Mim(config(patch=7), 8, CLASSES)
    addresses = [one.data_ptr() for one in network.parameters()]
    assert len(set(addresses)) == len(addresses)
    assert len(network.blocks) == 3
    assert len(network.heads) == 4
    table = network.table(torch.randn(1, 9, 9, 16))
    scales = network(table, torch.arange(49)[None])
    assert [tuple(one.shape) for one in scales] == [(1, 16)] * 4
    assert network.scores(scales).shape == (1, CLASSES)


def test_a_batch_of_two_is_like_any_other() -> None:
    """Defect M9."""
    torch.manual_seed(0)
    network = Mim(config(), 8, CLASSES).eval()
    table, index = network.table(torch.randn(1, 12, 12, 16)), torch.arange(25) + torch.arange(0, 50, 10)[:, None]
    with torch.no_grad():
        together, two = network.scores(network(table, index)), network.scores(network(table, index[:2]))
    torch.testing.assert_close(two, together[:2])


def test_class_weights_are_heeded() -> None:
    cube, classes = made_scene()
    plain = data(cube, classes)
    heavy = TrainingData(plain.training, [], CLASSES, np.array([2.98, 0.01, 0.01], dtype=np.float32))
    maps = [mim.fit(one, config(epochs=40, regression=False), CPU, silent).classify(cube) for one in (plain, heavy)]
    shares = [np.nanmean(one[0]) for one in maps]
    assert shares[1] > shares[0] + 0.2


def test_validation_keeps_the_best_step() -> None:
    cube, classes = made_scene()
    found = mim.fit(data(cube, classes, validation=30), config(epochs=45, learning_rate=0.03), CPU, silent)
    record = found.record
    assert [step for step, _ in record.validation] == [20, 40, 45]
    assert record.best_step == min(record.validation, key=lambda pair: pair[1])[0]


def test_several_tiles_are_learnt_from_as_one_scene() -> None:
    cube, classes = made_scene(24, 17)
    whole = data(cube, classes)
    parts = [slice(0, 12), slice(12, 24)]
    tiles = [Labelled(crop(cube, rows, slice(0, 17)), whole.training[0].labels[rows]) for rows in parts]
    empty = Labelled(tiles[0].cube, np.zeros_like(tiles[0].labels))
    found = mim.fit(TrainingData([*tiles, empty], [], CLASSES, whole.class_weights), config(), CPU, silent)
    same = mim.fit(whole, config(), CPU, silent)
    for name in ("mean", "scale"):
        np.testing.assert_allclose(getattr(found.normalisation, name), getattr(same.normalisation, name), rtol=1e-5)
    assert found.record.losses


def test_normalisation_is_fitted_on_the_labelled_pixels_alone() -> None:
    """Defect M12."""
    cube, classes = made_scene()
    values = cube.reflectance.copy()
    training = data(cube, classes)
    unlabelled = training.training[0].labels == 0
    values[:, unlabelled] = 77
    other = TrainingData(
        [Labelled(Cube(cube.window, values, cube.valid), training.training[0].labels)], [], CLASSES, np.ones(3)
    )
    first, second = (mim.fit(one, config(), CPU, silent).weights() for one in (training, other))
    for name in ("mean", "scale", "projection"):
        np.testing.assert_array_equal(first[name], second[name])


def test_extreme_pixels_are_cut() -> None:
    cube, classes = made_scene()
    found = fitted(cube, classes)
    values = cube.reflectance.copy()
    values[:, 9, 9] = 1e9
    probabilities = found.classify(Cube(cube.window, values, cube.valid))
    assert np.isfinite(probabilities[:, cube.valid]).all()


def test_no_labelled_pixels_are_refused() -> None:
    cube, classes = made_scene()
    nothing = Labelled(cube, np.zeros_like(classes, dtype=np.int16))
    with pytest.raises(ValueError, match="no training pixels"):
        mim.fit(TrainingData([nothing], [], CLASSES, np.ones(3)), config(), CPU, silent)


@pytest.mark.parametrize(("name", "label"), [("patch", "Patch size"), ("stem", "Stem size")])
def test_even_sides_are_refused(name: str, label: str) -> None:
    with pytest.raises(ValueError, match=f"'{label}' must be an odd number, not 4"):
        config(**{name: 4})


def test_step_sizes_start_in_their_range_and_may_grow_as_well_as_shrink():
    """Defect M6 of the published code: a projection that begins above 0 throughout."""
    torch.manual_seed(0)
    scans = HalfScans(64, 8)
    weight = scans.steps.weight.detach()
    steps = torch.nn.functional.softplus(scans.steps.bias.detach())
    assert STEPS[0] * 0.999 <= float(steps.min()) < float(steps.max()) <= STEPS[1] * 1.001
    assert float(weight.min()) < 0 < float(weight.max())
    assert abs(float(weight.mean())) < 0.1 * float(weight.abs().max())
