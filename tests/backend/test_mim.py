"""A trained Mamba-in-Mamba makes maps: borders, nodata, windows, threads, stored models and hostile ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend import parallel
from mixel.backend.cube import Cube, Window
from mixel.backend.methods.contract import Labelled
from mixel.backend.methods.mim import method as mim
from mixel.backend.methods.patches import Patches
from small_mim import fitted
from strangers import SPOILERS
from stripes import CLASSES, CPU, crop, made_scene


@pytest.fixture(scope="module")
def stripes() -> tuple[Cube, np.ndarray, mim.FittedMim, np.ndarray]:
    cube, classes = made_scene()
    found = fitted(cube, classes, epochs=60)
    return cube, classes, found, found.classify(cube)


def test_known_classes_are_found_again_also_at_the_borders(stripes: tuple) -> None:
    """Defect M10: border pixels are classified like all others."""
    cube, classes, _, probabilities = stripes
    right = probabilities.argmax(axis=0) + 1 == classes
    border = cube.valid.copy()
    border[2:-2, 2:-2] = False
    assert right[cube.valid].mean() > 0.9
    assert right[border].mean() > 0.85


def test_probabilities_sum_to_one_and_are_nan_where_there_are_no_data(stripes: tuple) -> None:
    cube, _, _, probabilities = stripes
    assert probabilities.shape == (CLASSES, *cube.valid.shape)
    assert probabilities.dtype == np.float32
    assert np.isnan(probabilities[:, ~cube.valid]).all()
    inside = probabilities[:, cube.valid]
    assert inside.min() >= 0
    np.testing.assert_allclose(inside.sum(axis=0), 1, atol=1e-5)


def test_what_nodata_pixels_hold_does_not_matter(stripes: tuple) -> None:
    cube, _, found, probabilities = stripes
    values = cube.reflectance.copy()
    values[:, ~cube.valid] = 1e6
    again = found.classify(Cube(cube.window, values, cube.valid))
    np.testing.assert_array_equal(again, probabilities)


def test_a_scene_without_any_data_is_nan_throughout(stripes: tuple) -> None:
    cube, _, found, _ = stripes
    nothing = Cube(cube.window, np.zeros_like(cube.reflectance), np.zeros_like(cube.valid))
    assert np.isnan(found.classify(nothing)).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 3), (4, 4), (3, 40), (11, 8)])
def test_scenes_smaller_than_a_patch_are_classified(stripes: tuple, shape: tuple[int, int]) -> None:
    cube, _ = made_scene(*shape)
    probabilities = stripes[2].classify(cube)
    assert np.array_equal(np.isfinite(probabilities).all(axis=0), cube.valid)


def test_a_scene_smaller_than_a_patch_can_be_learnt_from() -> None:
    cube, classes = made_scene(2, 3)
    assert np.isfinite(fitted(cube, classes).classify(cube)[:, cube.valid]).all()


@pytest.mark.parametrize(("patch", "stem"), [(3, 1), (5, 3), (7, 5)])
def test_window_by_window_equals_the_whole(patch: int, stem: int) -> None:
    cube, classes = made_scene(40, 21)
    found = fitted(cube, classes, patch=patch, stem=stem)
    whole, halo = found.classify(cube), mim.plan(found.config).halo
    assert halo == patch // 2 + stem // 2
    for top in (0, 13, 26):
        rows = slice(max(0, top - halo), min(40, top + 14 + halo))
        part = found.classify(crop(cube, rows, slice(0, 21)))[:, top - rows.start :][:, :14]
        np.testing.assert_allclose(part, whole[:, top : top + 14], atol=1e-4)


def test_the_halo_is_read_but_not_classified(stripes: tuple) -> None:
    cube, _, found, probabilities = stripes
    mapped = found.classify(Cube(Window(4, 4, 15, 10, (4, 4, 4, 3)), cube.reflectance, cube.valid))
    expected = np.full_like(probabilities, np.nan)
    expected[:, 4:19, 4:14] = probabilities[:, 4:19, 4:14]
    np.testing.assert_allclose(mapped, expected, atol=1e-6)


def test_a_class_depends_on_the_halo_and_on_nothing_beyond() -> None:
    cube, classes = made_scene(25, 25)
    found = fitted(cube, classes)
    before, reach = found.classify(cube), found.config.reach
    values = cube.reflectance.copy()
    values[:, 12, 12] += 0.3
    changed = np.abs(found.classify(Cube(cube.window, values, cube.valid)) - before).max(axis=0) > 1e-6
    rows, cols = np.nonzero(changed)
    assert rows.min() >= 12 - reach
    assert rows.max() <= 12 + reach
    assert cols.min() >= 12 - reach
    assert cols.max() <= 12 + reach
    assert changed.sum() > 9


def test_mapping_gives_what_training_saw(stripes: tuple) -> None:
    """The table of the whole window against one patch after another, as in training."""
    cube, classes, found, probabilities = stripes
    labelled = Labelled(cube, np.where(cube.valid, classes, 0).astype(np.int16))
    patches = Patches([labelled], found.normalisation, found.config.reach)
    with torch.no_grad():
        spectra, _ = patches.part(slice(1000))
        scores = found.network.scores(mim._scales(found.network, spectra, found.config))
        scores += found.regression.scores(cube, np.flatnonzero(cube.valid))
    expected = torch.softmax(scores, dim=1).T.numpy()
    np.testing.assert_allclose(probabilities[:, cube.valid], expected, atol=1e-5)


def test_batches_of_patches_give_what_the_compiled_form_gives(stripes: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a graphics processor maps; the last batch is not full."""
    cube, _, found, probabilities = stripes
    monkeypatch.setattr(mim, "BATCH", 50)
    chosen, mapped = np.flatnonzero(cube.valid), np.full((len(probabilities), cube.valid.size), np.nan, np.float32)
    with torch.inference_mode():
        table = found.network.table(found._embedded(cube))
        found._classify_in_batches(table, cube, chosen, mapped)
    np.testing.assert_allclose(mapped.reshape(probabilities.shape), probabilities, atol=1e-5)


def test_the_map_does_not_depend_on_the_number_of_threads(stripes: tuple) -> None:
    cube, _, found, probabilities = stripes
    threads = torch.get_num_threads()
    try:
        maps = []
        for count in (1, 3):
            torch.set_num_threads(count)
            maps.append(found.classify(cube))
            assert torch.get_num_threads() == count
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_allclose(maps[0], maps[1], atol=1e-6)
    np.testing.assert_allclose(maps[0], probabilities, atol=1e-5)


def test_every_part_is_worked_on_once_and_faults_are_heard() -> None:
    threads, seen = torch.get_num_threads(), []
    try:
        torch.set_num_threads(3)
        parallel.each(20, seen.append, CPU)
        assert sorted(seen) == list(range(20))
        with pytest.raises(ZeroDivisionError):
            parallel.each(20, lambda part: 1 // (part - 7), CPU)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_a_restored_model_gives_the_same_bits(stripes: tuple) -> None:
    cube, _, found, probabilities = stripes
    weights = found.weights()
    assert all(isinstance(value, np.ndarray) for value in weights.values())
    again = mim.restore(weights, found.config, CLASSES, None, CPU)
    np.testing.assert_array_equal(again.classify(cube), probabilities)
    assert again.num_parameters == found.num_parameters > 1000
    assert again.record is None
    assert mim.restore(weights, found.config, CLASSES, np.arange(12, dtype=np.float32), CPU)


def _short(weights: dict) -> None:
    weights["scale"] = weights["scale"][:-1]


def _huge_projection(weights: dict) -> None:
    weights["projection"] = np.zeros((12, 4000), dtype=np.float32)


def _scalar(weights: dict) -> None:
    weights["mean"] = np.float32(1) + np.zeros((), dtype=np.float32)


HOSTILE = [*SPOILERS, _short, _huge_projection, _scalar]


@pytest.mark.parametrize("spoil", HOSTILE)
def test_weights_of_strangers_are_refused_with_a_sentence(stripes: tuple, spoil: object) -> None:
    found = stripes[2]
    weights = found.weights()
    spoil(weights)
    with pytest.raises(ValueError, match=r"^The weights do not belong to a Mamba-in-Mamba model .*\.$"):
        mim.restore(weights, found.config, CLASSES, None, CPU)


def test_weights_of_no_keys_other_classes_or_bands_are_refused(stripes: tuple) -> None:
    found = stripes[2]
    weights = found.weights()
    for given, classes, wavelengths in (
        ({}, CLASSES, None),
        (weights, CLASSES + 1, None),
        (weights, CLASSES, np.arange(11, dtype=np.float32)),
    ):
        with pytest.raises(ValueError, match="do not belong"):
            mim.restore(given, found.config, classes, wavelengths, CPU)


def test_a_scene_of_other_bands_is_refused(stripes: tuple) -> None:
    with pytest.raises(ValueError, match=r"13 bands.*12"):
        stripes[2].classify(made_scene(bands=13)[0])
