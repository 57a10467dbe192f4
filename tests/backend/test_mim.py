"""Mamba-in-Mamba from labelled pixels to maps: borders, nodata, windows, stored models and hostile ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import parallel
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.mim import method as mim
from mixel.backend.methods.mim.config import Config
from mixel.backend.methods.mim.network import Mim
from mixel.backend.methods.patches import Draw, Normalisation, Patches, reflected

CPU = torch.device("cpu")
SMALL = {"patch": 5, "epochs": 4, "width": 16, "states": 4, "stem": 3, "batch": 16, "components": 8}
CLASSES = 3


def silent(step: int, steps: int, loss: float) -> None:
    """Reports to nobody."""


def made_scene(rows: int = 23, cols: int = 17, bands: int = 12, seed: int = 0) -> tuple[Cube, np.ndarray]:
    """Three classes in stripes with noise and a nodata pixel: the cube and the class (rows, cols) from 1."""
    generator = np.random.default_rng(seed)
    spectra = np.random.default_rng(99).uniform(0.1, 0.6, (CLASSES, bands))
    classes = 1 + (np.arange(rows)[:, None] // 5 + np.arange(cols) // 6) % CLASSES
    values = spectra[classes - 1].transpose(2, 0, 1) + generator.normal(0, 0.05, (bands, rows, cols))
    valid = np.ones((rows, cols), dtype=bool)
    valid[4 % rows, 3 % cols] = rows * cols == 1
    return Cube(Window(0, 0, rows, cols), np.where(valid, values, 0).astype(np.float32), valid), classes


def crop(cube: Cube, rows: slice, cols: slice) -> Cube:
    valid = cube.valid[rows, cols]
    return Cube(Window(rows.start, cols.start, *valid.shape), cube.reflectance[:, rows, cols], valid)


def data(cube: Cube, classes: np.ndarray, every: int = 3, validation: int = 0) -> TrainingData:
    """Every so many-th valid pixel is labelled; of these some are kept for validation."""
    places = np.flatnonzero(cube.valid)[::every]
    parts = [places[: len(places) - validation], places[len(places) - validation :]]
    labels = [np.zeros(cube.valid.size, dtype=np.int16) for _ in parts]
    for label, part in zip(labels, parts, strict=True):
        label[part] = classes.ravel()[part]
    training, held = ([Labelled(cube, label.reshape(cube.valid.shape))] for label in labels)
    return TrainingData(training, held if validation else [], CLASSES, np.ones(CLASSES, dtype=np.float32))


def config(**changes: object) -> Config:
    return build(Config, {**SMALL, **changes})


def fitted(cube: Cube, classes: np.ndarray, **changes: object) -> mim.FittedMim:
    return mim.fit(data(cube, classes), config(**changes), CPU, silent)


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
        spectra, _ = next(patches.batches(1000))
        scores = found.network.scores(mim._scales(found.network, spectra, found.config))
        scores += found.regression.scores(cube, np.flatnonzero(cube.valid))
    expected = torch.softmax(scores, dim=1).T.numpy()
    np.testing.assert_allclose(probabilities[:, cube.valid], expected, atol=1e-5)


def test_batches_of_patches_give_what_the_compiled_form_gives(stripes: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a graphics processor maps; the last batch is not full."""
    cube, _, found, probabilities = stripes
    monkeypatch.setitem(mim.BATCH, "cpu", 50)
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
    maps = [mim.fit(one, config(epochs=40), CPU, silent).classify(cube) for one in (plain, heavy)]
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
    for name in mim.CONSTANTS[:2]:
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
    for name in mim.CONSTANTS:
        np.testing.assert_array_equal(first[name], second[name])


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


def test_extreme_pixels_are_cut() -> None:
    cube, classes = made_scene()
    found = fitted(cube, classes)
    values = cube.reflectance.copy()
    values[:, 9, 9] = 1e9
    probabilities = found.classify(Cube(cube.window, values, cube.valid))
    assert np.isfinite(probabilities[:, cube.valid]).all()


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


def test_patches_hold_the_surroundings_of_their_pixel() -> None:
    cube, classes = made_scene()
    training = data(cube, classes, every=7)
    patches = Patches(training.training, Normalisation.of(training.training[0].pixels, 12), 2)
    whole = Normalisation.of(training.training[0].pixels, 12).spectra(cube, slice(None)).numpy().reshape(23, 17, -1)
    at = np.argwhere(training.training[0].labels > 0)
    padded = np.pad(whole, ((2, 2), (2, 2), (0, 0)), mode="reflect")
    assert len(patches) == len(at)
    for (row, col), index, label in zip(at, patches.index, patches.classes, strict=True):
        expected = padded[row : row + 5, col : col + 5].reshape(25, -1)
        np.testing.assert_allclose(patches.table[index].numpy(), expected, rtol=1e-4, atol=1e-5)
        assert label == classes[row, col] - 1


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
    own = patches.table[patches.index[which]]
    torch.testing.assert_close(spectra[:, 4], own[:, 4])
    assert 0.05 < float((spectra == own).all(dim=2).all(dim=1).float().mean()) < 0.3
    torch.testing.assert_close(spectra.sum(dim=1), own.sum(dim=1), rtol=1e-3, atol=1e-3)


def test_noise_changes_the_spectra() -> None:
    cube, classes = made_scene()
    patches = Patches(data(cube, classes).training, Normalisation.of(data(cube, classes).training[0].pixels, 4), 1)
    plain, noisy = Draw(patches, 20, 0.0, 3)()[0], Draw(patches, 20, 0.2, 3)()[0]
    assert 0.05 < float((plain - noisy).std()) < 1


def test_a_restored_model_gives_the_same_bits(stripes: tuple) -> None:
    cube, _, found, probabilities = stripes
    weights = found.weights()
    assert all(isinstance(value, np.ndarray) for value in weights.values())
    again = mim.restore(weights, found.config, CLASSES, None, CPU)
    np.testing.assert_array_equal(again.classify(cube), probabilities)
    assert again.num_parameters == found.num_parameters > 1000
    assert again.record is None
    assert mim.restore(weights, found.config, CLASSES, np.arange(12, dtype=np.float32), CPU)


def _without(weights: dict) -> None:
    del weights["stem.embed.weight"]


def _more(weights: dict) -> None:
    weights["virus"] = np.zeros(3, dtype=np.float32)


def _turned(weights: dict) -> None:
    weights["stem.embed.weight"] = weights["stem.embed.weight"].T


def _nan(weights: dict) -> None:
    weights["head.bias"] = np.full(CLASSES, np.nan, dtype=np.float32)


def _double(weights: dict) -> None:
    weights["head.bias"] = weights["head.bias"].astype(np.float64)


def _listed(weights: dict) -> None:
    weights["mean"] = weights["mean"].tolist()


def _flat(weights: dict) -> None:
    weights["scale"] = np.zeros_like(weights["scale"])


def _short(weights: dict) -> None:
    weights["scale"] = weights["scale"][:-1]


def _no_projection(weights: dict) -> None:
    weights["projection"] = np.zeros((12, 0), dtype=np.float32)


def _huge_projection(weights: dict) -> None:
    weights["projection"] = np.zeros((12, 4000), dtype=np.float32)


def _scalar(weights: dict) -> None:
    weights["mean"] = np.float32(1) + np.zeros((), dtype=np.float32)


HOSTILE = [_without, _more, _turned, _nan, _double, _listed, _flat, _short, _no_projection, _huge_projection, _scalar]


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


def test_no_labelled_pixels_are_refused() -> None:
    cube, classes = made_scene()
    nothing = Labelled(cube, np.zeros_like(classes, dtype=np.int16))
    with pytest.raises(ValueError, match="no training pixels"):
        mim.fit(TrainingData([nothing], [], CLASSES, np.ones(3)), config(), CPU, silent)


@pytest.mark.parametrize(("name", "label"), [("patch", "Patch size"), ("stem", "Stem size")])
def test_even_sides_are_refused(name: str, label: str) -> None:
    with pytest.raises(ValueError, match=f"'{label}' must be an odd number, not 4"):
        config(**{name: 4})
