"""The one contract test over all methods: a new method brings no test code and cannot escape these."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from mixel.backend import config
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import method, methods

CPU = torch.device("cpu")
QUICK = {"epochs": 3, "width": 16, "num_blocks": 2, "num_endmembers": 3}
UNMIXING = [item.name for item in methods("unmix")]


def made_cube(rows: int = 20, cols: int = 13, bands: int = 24, seed: int = 0) -> Cube:
    """A mixed scene of three smooth spectra with a little noise and one nodata pixel."""
    random = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    spectra = np.stack([0.1 + 0.4 * axis, 0.5 - 0.3 * axis, 0.2 + 0.2 * np.sin(6 * axis)])
    shares = random.dirichlet(np.full(3, 0.5), size=(rows, cols))
    values = shares @ spectra + random.normal(0, 0.002, (rows, cols, bands))
    valid = np.ones((rows, cols), dtype=bool)
    valid[2, 3] = False
    reflectance = np.where(valid[..., None], values, 0).transpose(2, 0, 1).astype(np.float32)
    return Cube(Window(0, 0, rows, cols), reflectance, valid)


def crop(cube: Cube, rows: slice, cols: slice) -> Cube:
    window = Window(rows.start, cols.start, rows.stop - rows.start, cols.stop - cols.start)
    return Cube(window, cube.reflectance[:, rows, cols], cube.valid[rows, cols])


def quick(name: str, **changes: object) -> object:
    known = {item.name for item in method(name).settings}
    return config.build(method(name).config, {k: v for k, v in {**QUICK, **changes}.items() if k in known})


def fitted(name: str, sample: list[Cube], **changes: object) -> object:
    return method(name).load().fit(sample, quick(name, **changes), CPU, lambda step, steps, loss: None)


@pytest.fixture(scope="module", params=UNMIXING)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def unmixed(name: str) -> tuple:
    cube = made_cube()
    unmixer = fitted(name, [cube])
    return cube, unmixer, unmixer.unmix(cube)


def test_there_are_methods() -> None:
    assert "unmamba" in UNMIXING


def test_abundances_are_non_negative_and_sum_to_one_where_there_are_data(unmixed: tuple) -> None:
    cube, _, result = unmixed
    assert result.abundances.shape == (3, *cube.valid.shape)
    assert result.abundances.dtype == np.float32
    inside = result.abundances[:, cube.valid]
    assert inside.min() >= 0
    np.testing.assert_allclose(inside.sum(axis=0), 1, atol=1e-5)


def test_nodata_pixels_come_out_as_nan_and_no_others(unmixed: tuple) -> None:
    cube, _, result = unmixed
    assert np.array_equal(np.isfinite(result.error), cube.valid)
    assert np.array_equal(np.isfinite(result.abundances).all(axis=0), cube.valid)


def test_the_error_is_the_rmse_of_what_endmembers_and_abundances_rebuild(unmixed: tuple) -> None:
    cube, unmixer, result = unmixed
    rebuilt = np.einsum("rhw,rl->lhw", result.abundances, unmixer.endmembers)
    expected = np.sqrt(np.mean((rebuilt - cube.reflectance) ** 2, axis=0))
    np.testing.assert_allclose(result.error[cube.valid], expected[cube.valid], rtol=1e-3, atol=1e-6)


def test_endmembers_are_positive_spectra_ordered_by_abundance(unmixed: tuple) -> None:
    cube, unmixer, result = unmixed
    assert unmixer.endmembers.shape == (3, len(cube.reflectance))
    assert unmixer.endmembers.min() >= 0
    means = np.nanmean(result.abundances, axis=(1, 2))
    assert list(means) == sorted(means, reverse=True)


def test_the_same_seed_gives_the_same_and_another_seed_another_result(name: str, unmixed: tuple) -> None:
    cube, unmixer, result = unmixed
    again, other = fitted(name, [cube]), fitted(name, [cube], seed=5)
    np.testing.assert_array_equal(again.endmembers, unmixer.endmembers)
    np.testing.assert_array_equal(again.unmix(cube).abundances, result.abundances)
    if unmixer.record:  # on a scene as clean as this one, exact methods find the same whatever the seed
        assert not np.allclose(other.endmembers, unmixer.endmembers)


@pytest.mark.parametrize("shape", [(8, 8), (1, 40), (33, 9), (16, 50)])
def test_a_fitted_method_unmixes_windows_of_any_shape(unmixed: tuple, shape: tuple[int, int]) -> None:
    _, unmixer, _ = unmixed
    cube = crop(made_cube(64, 64), slice(0, shape[0]), slice(0, shape[1]))
    assert unmixer.unmix(cube).error.shape == shape


def test_window_by_window_equals_the_whole(name: str) -> None:
    cube = made_cube(60, 25)
    unmixer, halo = fitted(name, [cube]), method(name).load().plan(quick(name)).halo
    whole = unmixer.unmix(cube).abundances
    for top in (0, 20, 40):
        rows = slice(max(0, top - halo), min(60, top + 20 + halo))
        core = slice(top - rows.start, top - rows.start + 20)
        part = unmixer.unmix(crop(cube, rows, slice(0, 25))).abundances[:, core]
        np.testing.assert_allclose(part, whole[:, top : top + 20], atol=1e-3)


def test_fewer_pixels_than_endmembers_are_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="endmembers"):
        fitted(name, [crop(made_cube(), slice(0, 1), slice(0, 2))], num_endmembers=4)


def test_several_tiles_are_learnt_from_as_one_scene(name: str) -> None:
    tiles = [made_cube(seed=seed) for seed in range(3)]
    unmixer = fitted(name, tiles)
    assert unmixer.endmembers.shape == (3, 24)
    if unmixer.record:
        assert len(unmixer.record.losses) == QUICK["epochs"]
        assert all(np.isfinite(unmixer.record.losses))


@pytest.mark.parametrize("name", [item.name for item in methods()])
def test_every_setting_changes_something_or_is_at_least_read(name: str) -> None:
    """A setting nobody reads is a lie on the form (defect U6 of the released UNMamba)."""
    folder = Path(__file__).parents[2] / "backend" / "methods" / name
    read = set()
    for file in folder.glob("*.py"):
        if file.name != "config.py":
            nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            read |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    if "steps" in read:  # which is made of them; see the test of the presets
        read |= {"preset", "epochs"}
    assert {item.name for item in dataclasses.fields(method(name).config)} <= read


@pytest.mark.parametrize("item", [one for one in methods() if hasattr(one.config, "STEPS")], ids=lambda one: one.name)
def test_a_preset_says_how_many_steps_unless_they_are_given(item: object) -> None:
    lengths = [config.build(item.config, {"preset": name}).steps for name in ("quick", "standard", "thorough")]
    assert lengths == sorted(set(lengths)) and lengths[1] == item.config().steps
    assert config.build(item.config, {"preset": "thorough", "epochs": 7}).steps == 7
    choices = dict(next(one.choices for one in item.settings if one.name == "preset"))
    assert [str(length) in choices[name] for name, length in item.config.STEPS.items()] == [True] * 3


def test_every_deep_method_has_presets() -> None:
    presets = {one.name for one in methods() if hasattr(one.config, "STEPS")}
    assert presets == {one.name for one in methods() if any(item.name == "epochs" for item in one.settings)}
    assert {"unmamba", "mim", "spectralmamba", "mambahsi", "ugm"} <= presets


@pytest.mark.parametrize("item", methods(), ids=lambda item: item.name)
def test_every_setting_has_a_label_a_help_and_a_default_within_its_limits(item: object) -> None:
    for one in item.settings:
        assert one.label and one.help.endswith("."), one.name
        assert one.checked(one.default) == one.default


@pytest.mark.parametrize("item", methods(), ids=lambda item: item.name)
def test_every_method_says_when_to_use_it(item: object) -> None:
    assert item.advice.startswith("Use it") and item.advice.endswith(".") and item.advice.count(". ") >= 1


def test_an_unknown_method_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unmamba"):
        method("nonsense")
