"""The pictures of the scoreboard's page: what lines, points and maps are drawn, and how they look."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from backend.methods import methods
from tests.benchmarks import page_plots as plots
from tests.benchmarks.results import Results
from tests.benchmarks.targets import label

BANDS, SHAPE = 10, (6, 5)
WAVELENGTHS = [500, 510, 520, 530, 700, 710, 720, 680, 690, 700]
"""In nm: bands are missing after the fourth, a second detector begins after the seventh."""
CLASSIFIED = ["svm", "mim", "mim,preset=quick", "mim,preset=thorough", "ugm", "ugm,guidance=False"]
UNMIXED = ["vca_fcls", "unmamba", "unmamba,preset=quick", "ugm", "ugm,guidance=False"]


@pytest.fixture
def results(tmp_path):
    """Two seeds of every variant on a scene of each kind, and their floors."""
    made = Results(tmp_path / "cells")
    table, shares = np.linspace(0.1, 0.5, 2 * BANDS).reshape(2, BANDS), np.full((2, *SHAPE), 100, np.uint8)
    floors = {"endmembers": table, "abundances": shares, "known": np.ones(SHAPE, np.uint8)}
    keep(made, "classes", "floors", {"classes": ["bare", "green"]}, {"map": np.ones(SHAPE, np.uint8)}, 1)
    keep(made, "shares", "floors", {"endmembers": ["soil", "leaf"]}, floors, 1)
    for index, one in enumerate(CLASSIFIED):
        row = {"oa": 0.7 + index / 100, "learn_core_seconds": 1.0 + index, "map_core_seconds": 1.0}
        keep(made, "classes", one, row, {"map": np.ones(SHAPE, np.uint8)})
    for index, one in enumerate(UNMIXED):
        row = {"rmse": 0.1 + index / 100, "learn_core_seconds": 1.0 + index, "map_core_seconds": 1.0}
        keep(made, "shares", one, row, {"endmembers": table + index, "abundances": shares})
    return made


def keep(made, scene, variant, row, arrays, seeds=2):
    for seed in range(seeds):
        made.add(scene, variant, seed, row, {} if seed else arrays)


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, in order."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def texts(figure):
    """Everything that is written in a figure's legend, titles and labels."""
    legends = [one.get_text() for legend in figure.legends for one in legend.get_texts()]
    return [*legends, *(text for axes in figure.axes for text in (axes.get_title(), axes.get_ylabel()))]


def colours_by_marker(figure):
    lines = figure.axes[0].get_lines()
    return {(line.get_marker(), to_hex(line.get_color())) for line in lines if line.get_marker() in "<o>s"}


def images(figure):
    return [image for axes in figure.axes for image in axes.get_images()]


def test_every_method_has_a_colour_of_its_own():
    assert set(plots.COLOURS) == {one.name for one in methods()}
    assert len({to_hex(one) for one in plots.COLOURS.values()}) == len(plots.COLOURS)


def test_a_method_has_one_colour_in_all_pictures(results, drawn, tmp_path):
    for name in ("svm", "mim", "ugm"):
        for number in (5, 50):
            keep(results, "classes", f"{name},per_class={number}", {"oa": 0.6}, {})
    assert plots.cost(results, "classes", CLASSIFIED, "oa", tmp_path / "a.png")
    assert plots.cost(results, "shares", UNMIXED, "rmse", tmp_path / "b.png")
    assert plots.learning_curves(results, "classes", tmp_path / "c.png")
    assert plots.spectra(results, "shares", UNMIXED, tmp_path / "d.png")
    svm, mim, ugm, vca, unmamba = (to_hex(plots.COLOURS[one]) for one in ("svm", "mim", "ugm", "vca_fcls", "unmamba"))
    both = {("o", ugm), ("s", ugm)}
    assert colours_by_marker(drawn[0]) == {("o", svm), ("<", mim), ("o", mim), (">", mim), *both}
    assert colours_by_marker(drawn[1]) == {("o", vca), ("<", unmamba), ("o", unmamba), *both}
    assert colours_by_marker(drawn[2]) == {("o", svm), ("o", mim), ("o", ugm)}
    lines = {one.get_label(): to_hex(one.get_color()) for one in drawn[3].axes[0].get_lines()}
    assert lines.pop("reference") == to_hex("k")
    assert lines == {label(one): to_hex(plots.COLOURS[one.split(",")[0]]) for one in UNMIXED if "preset" not in one}


def test_presets_are_called_by_name_and_joined_from_quick_to_thorough(results, drawn, tmp_path):
    assert label("mim,preset=quick") == f"{label('mim')}, quick look"
    plots.cost(results, "classes", CLASSIFIED, "oa", tmp_path / "a.png")
    settings = ["quick look", "standard", "thorough", "unguided"]
    assert texts(drawn[0])[:7] == [label("svm"), label("mim"), label("ugm"), *settings]
    joined = [one.get_xdata() for one in drawn[0].axes[0].get_lines() if len(one.get_xdata()) == 3]
    assert np.allclose(joined, [[4, 3, 5]])


def test_presets_are_left_out_of_maps_and_spectra(results, drawn, tmp_path):
    plots.class_maps(results, "classes", CLASSIFIED, tmp_path / "a.png")
    plots.abundance_maps(results, "shares", UNMIXED, tmp_path / "b.png")
    plots.spectra(results, "shares", UNMIXED, tmp_path / "c.png")
    assert [len(images(figure)) for figure in drawn[:2]] == [1 + 4, 2 * (1 + 4)]
    assert [len(axes.get_lines()) for axes in drawn[2].axes] == [1 + 4, 1 + 4]
    assert not any("preset" in text or "quick" in text for figure in drawn for text in texts(figure))


def test_lines_break_where_bands_are_missing(results, drawn, tmp_path):
    plots.spectra(results, "shares", UNMIXED, tmp_path / "a.png")
    row = {"endmembers": ["soil", "leaf"], "wavelengths": WAVELENGTHS}
    keep(results, "shares", "floors", row, {}, 1)
    plots.spectra(results, "shares", UNMIXED, tmp_path / "b.png")
    whole, broken = ([line.get_xydata() for line in figure.axes[0].get_lines()] for figure in drawn)
    assert all(np.array_equal(line[:, 0], np.arange(1, BANDS + 1)) for line in whole)
    expected = np.insert(np.array(WAVELENGTHS) / 1000, (4, 7), np.nan)
    for before, after in zip(whole, broken, strict=True):
        assert np.array_equal(after[:, 0], expected, equal_nan=True)
        assert np.array_equal(after[:, 1], np.insert(before[:, 1], (4, 7), np.nan), equal_nan=True)
    assert [figure.axes[0].get_xlabel() for figure in drawn] == ["Band number", "Wavelength (µm)"]


def test_classes_have_the_colours_of_their_scene(results, drawn, tmp_path):
    keep(results, "classes", "floors", {"classes": ["bare", "green"], "colours": ["#aa5500", "#00aa55"]}, {}, 1)
    plots.class_maps(results, "classes", CLASSIFIED, tmp_path / "a.png")
    assert [to_hex(one.get_facecolor()) for one in drawn[0].legends[0].get_patches()] == ["#aa5500", "#00aa55"]
    assert all(image.to_rgba(np.array([1]))[0].tolist() == list(to_rgba("#aa5500")) for image in images(drawn[0]))


def test_bars_are_explained_and_there_only_with_several_seeds(results, drawn, tmp_path):
    for seeds in (1, 2):
        for name in ("svm", "mim"):
            for number in (5, 50):
                keep(results, "classes", f"{name},per_class={number}", {"oa": 0.6}, {}, seeds)
        plots.learning_curves(results, "classes", tmp_path / "a.png")
    one, several = (figure.axes[0] for figure in drawn)
    assert one.get_ylabel() == "Overall accuracy (%)" and not one.collections
    assert several.get_ylabel() == "Overall accuracy (%), ± s.d. over seeds" and len(several.collections) == 2
    places = [tuple(container.lines[0].get_xdata()) for container in several.containers]
    assert len(set(places)) == 2  # no bar hides another
