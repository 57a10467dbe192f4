"""A trained unmixing-guided Mamba unmixes and classifies: shares, nodata, windows, stored models and hostile ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import methods
from mixel.backend.methods.ugm import method as ugm
from mixel.backend.metrics import match, spectral_angles
from small_ugm import fitted, made_scene
from strangers import SPOILERS
from stripes import BANDS, CLASSES, CPU, crop


@pytest.fixture(scope="module", params=[True, False], ids=["guided", "unguided"])
def trained(request: pytest.FixtureRequest) -> tuple:
    """A fit that has learnt something, with its scene and what it says of it."""
    scene = made_scene()
    found = fitted(*scene[:2], epochs=45, learning_rate=0.02, guidance=request.param)
    return *scene, found, *found.unmix_and_classify(scene[0])


def test_it_is_the_method_of_its_task() -> None:
    assert "ugm" in {one.name for one in methods("unmix_and_classify")}


def test_known_classes_and_known_mixtures_are_found_again(trained: tuple) -> None:
    cube, classes, spectra, shares, found, unmixing, probabilities = trained
    assert (probabilities.argmax(axis=0) + 1 == classes)[cube.valid].mean() > 0.9
    order = match(found.endmembers, spectra)
    assert np.diag(spectral_angles(found.endmembers[order], spectra)).max() < 0.15
    off = (unmixing.abundances[order] - shares)[:, cube.valid]
    assert np.sqrt(np.mean(off**2)) < 0.12


def test_abundances_and_probabilities_are_shares_and_nan_without_data(trained: tuple) -> None:
    cube, _, _, _, _, unmixing, probabilities = trained
    for shares in (unmixing.abundances, probabilities):
        assert shares.shape == (3, *cube.valid.shape)
        assert shares.dtype == np.float32
        assert np.isnan(shares[:, ~cube.valid]).all()
        inside = shares[:, cube.valid]
        assert inside.min() >= 0
        np.testing.assert_allclose(inside.sum(axis=0), 1, atol=1e-5)
    assert np.array_equal(np.isfinite(unmixing.error), cube.valid)


def test_endmembers_are_means_of_positive_variants_the_most_abundant_first(trained: tuple) -> None:
    *_, found, unmixing, _ = trained
    assert found.variants.shape == (3, 2, BANDS)
    assert found.variants.min() >= 0
    np.testing.assert_allclose(found.endmembers, found.variants.mean(axis=1), rtol=1e-6)
    means = np.nanmean(unmixing.abundances, axis=(1, 2))
    assert list(means) == sorted(means, reverse=True)


def test_the_error_lies_within_what_any_mixture_of_variants_allows(trained: tuple) -> None:
    """Mixed by hand, pixel by pixel, from the network's own shares."""
    cube, *_, found, unmixing, _ = trained
    tile = found._tile(cube)
    with torch.no_grad():
        shares = found.network.unmix(tile.values, tile.valid)
    raw = (found.network.unmixing.spectra() * found.scale).detach().numpy()
    for row, col in ((0, 0), (7, 5), (22, 16)):
        mixed = np.zeros(BANDS)
        for k in range(3):
            for v in range(2):
                mixed += float(shares.abundances[0, row, col, k] * shares.variants[0, row, col, k, v]) * raw[k, v]
        expected = np.sqrt(np.mean((mixed - cube.reflectance[:, row, col]) ** 2))
        assert unmixing.error[row, col] == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_one_half_alone_says_what_both_say_together(trained: tuple) -> None:
    cube, *_, found, unmixing, probabilities = trained
    np.testing.assert_array_equal(found.classify(cube), probabilities)
    np.testing.assert_allclose(found.unmix(cube).abundances, unmixing.abundances, atol=1e-6)


def test_prediction_is_deterministic(trained: tuple) -> None:
    """Defect G3: the released code draws pixels at random even when predicting."""
    cube, *_, found, unmixing, probabilities = trained
    torch.manual_seed(12345)
    again, same = found.unmix_and_classify(cube)
    np.testing.assert_array_equal(same, probabilities)
    np.testing.assert_array_equal(again.abundances, unmixing.abundances)


def test_what_nodata_pixels_hold_does_not_matter(trained: tuple) -> None:
    cube, *_, found, unmixing, probabilities = trained
    values = cube.reflectance.copy()
    values[:, ~cube.valid] = 1e6
    again, same = found.unmix_and_classify(Cube(cube.window, values, cube.valid))
    np.testing.assert_array_equal(same, probabilities)
    np.testing.assert_array_equal(again.abundances, unmixing.abundances)
    np.testing.assert_array_equal(again.error, unmixing.error)


def test_nodata_is_like_the_end_of_the_scene(trained: tuple) -> None:
    found = trained[4]
    cube = made_scene(12, 12)[0]
    valid = cube.valid.copy()
    valid[:, 8:] = False
    half = found.classify(Cube(cube.window, cube.reflectance * valid, valid))[:, :, :8]
    alone = found.classify(crop(cube, slice(0, 12), slice(0, 8)))
    np.testing.assert_allclose(half, alone, atol=1e-5)


def test_a_scene_without_any_data_is_nan_throughout(trained: tuple) -> None:
    cube, found = trained[0], trained[4]
    nothing = Cube(cube.window, np.zeros_like(cube.reflectance), np.zeros_like(cube.valid))
    unmixing, probabilities = found.unmix_and_classify(nothing)
    assert all(np.isnan(one).all() for one in (unmixing.abundances, unmixing.error, probabilities))


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (2, 3), (4, 4), (9, 40)])
def test_scenes_of_any_size_are_read(trained: tuple, shape: tuple[int, int]) -> None:
    """Defect G16: a hundred tokens at least, the released code needs."""
    cube = made_scene(*shape)[0]
    unmixing, probabilities = trained[4].unmix_and_classify(cube)
    assert np.array_equal(np.isfinite(probabilities).all(axis=0), cube.valid)
    assert np.array_equal(np.isfinite(unmixing.error), cube.valid)


@pytest.mark.parametrize(("square", "blocks", "guidance"), [(4, 1, True), (4, 2, True), (6, 3, True), (8, 2, False)])
def test_windows_with_their_halo_equal_the_whole(square: int, blocks: int, guidance: bool) -> None:
    """Cut anywhere, also across the squares; see ``squares.py``."""
    cube, classes, *_ = made_scene(61, 40)
    found = fitted(cube, classes, square=square, num_blocks=blocks, guidance=guidance)
    whole, shares = found.unmix_and_classify(cube)
    halo = ugm.plan(found.config).halo
    for top, left in ((0, 0), (13, 7), (30, 19), (41, 20)):
        above, before = min(halo, top), min(halo, left)
        below, behind = min(halo, 61 - top - 20), min(halo, 40 - left - 20)
        rows, cols = slice(top - above, top + 20 + below), slice(left - before, left + 20 + behind)
        part = crop(cube, rows, cols, (above, below, before, behind))
        unmixing, probabilities = found.unmix_and_classify(part)
        core, there = part.window.core, (slice(top, top + 20), slice(left, left + 20))
        for some, every, off in ((probabilities, shares, 1e-4), (unmixing.abundances, whole.abundances, 1e-5)):
            np.testing.assert_allclose(some[:, core[0], core[1]], every[:, there[0], there[1]], atol=off)


def test_a_class_depends_on_the_halo_and_on_nothing_beyond() -> None:
    cube, classes, *_ = made_scene(40, 40)
    found = fitted(cube, classes)
    before, halo = found.classify(cube), ugm.plan(found.config).halo
    values = cube.reflectance.copy()
    values[:, 19, 22] += 0.3
    changed = np.abs(found.classify(Cube(cube.window, values, cube.valid)) - before).max(axis=0) > 1e-6
    rows, cols = np.nonzero(changed)
    assert max(abs(rows - 19).max(), abs(cols - 22).max()) <= halo
    assert max(abs(rows - 19).max(), abs(cols - 22).max()) > found.config.square // 2


def test_squares_lie_where_the_scene_has_them_not_where_the_window_begins() -> None:
    """The same pixels at another place of the scene are cut into other squares: the place must come from the window."""
    cube, classes, *_ = made_scene(24, 24)
    found = fitted(cube, classes, epochs=20)
    moved = Cube(Window(2, 2, 24, 24), cube.reflectance, cube.valid)
    by_a_square = Cube(Window(8, 4, 24, 24), cube.reflectance, cube.valid)
    np.testing.assert_array_equal(found.classify(by_a_square), found.classify(cube))
    assert not np.allclose(found.classify(moved), found.classify(cube), atol=1e-6, equal_nan=True)


def test_a_scene_of_other_bands_is_refused(trained: tuple) -> None:
    cube = Cube(Window(0, 0, 2, 2), np.zeros((13, 2, 2), np.float32), np.ones((2, 2), bool))
    for work in (trained[4].classify, trained[4].unmix):
        with pytest.raises(ValueError, match=r"13 bands.*12"):
            work(cube)


def test_a_restored_model_gives_the_same_bits(trained: tuple) -> None:
    cube, *_, found, unmixing, probabilities = trained
    weights = found.weights()
    assert all(isinstance(value, np.ndarray) for value in weights.values())
    again = ugm.restore(weights, found.config, CLASSES, np.arange(BANDS, dtype=np.float32), CPU)
    same, classes = again.unmix_and_classify(cube)
    np.testing.assert_array_equal(classes, probabilities)
    np.testing.assert_array_equal(same.abundances, unmixing.abundances)
    np.testing.assert_array_equal(again.endmembers, found.endmembers)
    assert again.num_parameters == found.num_parameters > 1000
    assert again.record is None


def _dark(weights: dict) -> None:
    weights["brightness"] = np.zeros(1, np.float32)


def _twice(weights: dict) -> None:
    weights["order"] = np.zeros_like(weights["order"])


def _beyond(weights: dict) -> None:
    weights["order"] = weights["order"] + 1


def _nothing(weights: dict) -> None:
    weights["brightness"] = np.zeros(0, np.float32)


HOSTILE = [*SPOILERS, _dark, _twice, _beyond, _nothing]


@pytest.mark.parametrize("spoil", HOSTILE)
def test_weights_of_strangers_are_refused_with_a_sentence(trained: tuple, spoil: object) -> None:
    found = trained[4]
    weights = found.weights()
    spoil(weights)
    with pytest.raises(ValueError, match=r"^The weights do not belong to an unmixing-guided Mamba .*\.$"):
        ugm.restore(weights, found.config, CLASSES, None, CPU)


def test_weights_of_other_settings_are_refused(trained: tuple) -> None:
    found = trained[4]
    for changes in ({"num_endmembers": 4}, {"guidance": not found.config.guidance}, {"num_variants": 3}):
        with pytest.raises(ValueError, match="do not belong"):
            ugm.restore(found.weights(), dataclasses.replace(found.config, **changes), CLASSES, None, CPU)


def test_pieces_give_what_the_network_gives_on_the_whole(trained: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    cube, *_, found, unmixing, probabilities = trained
    tile = found._tile(cube)
    with torch.no_grad():
        scores, unmixed = found.network(tile.values, tile.valid, tile.origin)
    beside = found.regression.scores(cube, slice(None)).view(scores[0].shape)
    whole = torch.softmax(beside + scores[0], dim=-1).permute(2, 0, 1).numpy()
    abundances, error = found._unmixing(cube, tile, unmixed)
    monkeypatch.setattr("mixel.backend.methods.pieces.FEWEST", 1)
    monkeypatch.setattr("mixel.backend.methods.pieces.MOST", 40)
    small = found.unmix_and_classify(cube)
    monkeypatch.setattr("mixel.backend.methods.mapping.compiled", lambda: False)
    for some, shares in ((unmixing, probabilities), small[::1], found.unmix_and_classify(cube)):
        np.testing.assert_allclose(shares[:, cube.valid], whole[:, cube.valid], atol=1e-5)
        np.testing.assert_allclose(some.abundances, abundances, atol=1e-6)
        np.testing.assert_allclose(some.error, error, atol=1e-6)
