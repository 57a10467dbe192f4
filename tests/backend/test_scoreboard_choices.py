"""Settings tried against the shipped ones: on which pixels, which cells, and how the page shows them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from backend.config import build
from backend.methods import method
from tests.benchmarks import benchmark, choices, page
from tests.benchmarks.results import Results
from tests.benchmarks.scene_files import SHIPPED, described, read_scene

SIDE, BANDS, TILE = 64, 4, 16
TILES = [[0, 0], [0, 32], [16, 16], [32, 48], [48, 0]]
SCENE = """
[cube]
file = "cube.mat"
variable = "Y"
axes = "bands rows cols"
[labels]
classes = ["bare", "green"]
all = { file = "cube.mat", variable = "L" }
"""


@pytest.fixture
def data(tmp_path):
    """A data folder with a scene to report and one to try settings on, of labelled pixels everywhere."""
    random = np.random.default_rng(0)
    labels = 1 + (np.indices((SIDE, SIDE)).sum(axis=0) // 2) % 2
    savemat(tmp_path / "cube.mat", {"Y": random.random((BANDS, SIDE, SIDE)), "L": labels})
    (tmp_path / "field.toml").write_text(SCENE + "gap = 1\ncurves = true\n", encoding="utf-8")
    tiles = f"curves = true\ntile = {TILE}\ntraining_tiles = {TILES}\ngap = 1\n"
    (tmp_path / "field_choices.toml").write_text(SCENE + tiles, encoding="utf-8")
    return tmp_path


def asked(monkeypatch, data, *arguments):
    """The cells that a command line asks for."""
    monkeypatch.setattr(sys, "argv", ["benchmark", str(data), *arguments])
    return benchmark.cells(benchmark.parsed())


def test_only_pixels_in_training_tiles_take_part_and_they_train_and_test(data):
    truth = read_scene(data / "field_choices.toml", data, 0).truth
    inside = np.zeros((SIDE, SIDE), bool)
    for row, col in TILES:
        inside[row : row + TILE, col : col + TILE] = True
    assert inside[truth.labels.rows, truth.labels.cols].all() and len(truth.labels) == len(TILES) * TILE**2
    assert truth.drawn and min(truth.split.counts.sum(axis=1)) > 0


def test_settings_are_tried_on_the_training_pixels_of_the_scenes_that_are_reported():
    """Were a test pixel among them, a default would be chosen by what is reported."""
    for name, key, whole in (("indian_pines", "all", "training"), ("potsdam", "training_tiles", "training_tiles")):
        tried, reported = (described(SHIPPED / f"{one}.toml") for one in (name + choices.SUFFIX, name))
        assert tried["labels"][key] == reported["labels"][whole] and "test" not in str(tried["labels"])
        assert tried["cube"] == reported["cube"] and tried["labels"]["classes"] == reported["labels"]["classes"]


def test_every_alternative_is_another_value_of_a_setting():
    for shipped, variant in choices.PAIRS:
        key, _, text = variant.partition(",")[2].partition("=")
        known = next(one for one in method(shipped).settings if one.name == key)
        value = text == "True" if known.type is bool else known.type(text)
        build(method(shipped).config, {key: value})
        assert value != known.default


def test_a_scene_for_choices_has_the_cells_of_the_methods_whose_settings_are_tried(data, monkeypatch):
    found = asked(monkeypatch, data, "--scene", "field_choices")
    variants = {name for name in choices.ALTERNATIVES if name != "unmamba"}
    variants |= {one for one in choices.TRIED if not one.startswith("unmamba")}
    assert {one.variant for one in found} == variants and {one.seed for one in found} == set(range(choices.SEEDS))
    assert [one.variant for one in asked(monkeypatch, data, "--scene", "field_choices", "--method", "ugm")] == [
        "ugm"
    ] * 3
    assert not any("=" in one.variant for one in asked(monkeypatch, data, "--scene", "field_choices", "--no-choices"))


def test_a_reported_scene_tries_no_settings_and_every_classifier_has_its_curve(data, monkeypatch):
    found = asked(monkeypatch, data, "--scene", "field", "--seeds", "5")
    assert not choices.TRIED & {one.variant for one in found}
    curves = {(one.method, one.per_class, one.seed) for one in found if one.per_class}
    methods = ("mambahsi", "mim", "random_forest", "spatial_forest", "spatial_svm", "spectralmamba", "svm", "ugm")
    assert curves == {(name, few, seed) for name in methods for few in benchmark.CURVE for seed in range(3)}
    assert not any(one.per_class for one in asked(monkeypatch, data, "--scene", "field", "--no-curves"))


def test_simulated_scenes_try_the_settings_of_blind_unmixing(data, monkeypatch):
    (data / "mixed.mat").write_bytes(b"")
    text = '[simulate]\ndecibels = 30\n[reference]\nabundances = { file = "mixed.mat" }\n'
    (data / "made.toml").write_text(text, encoding="utf-8")
    found = [one.variant for one in asked(monkeypatch, data, "--scene", "made", "--method", "unmamba", "--seeds", "4")]
    assert found.count("unmamba") == 4 and found.count("unmamba,weight_spread=1.0") == choices.SEEDS


def test_the_page_says_what_was_gained_and_keeps_it_apart(tmp_path, monkeypatch):
    results, random = Results(tmp_path / "cells"), np.random.default_rng(1)
    blocks = np.arange(400) // 10
    for variant, share in (("mim", 0.9), ("mim,regression=False", 0.6), ("svm", 0.7)):
        for seed in range(3):
            right = random.random(400) < share
            row = {"oa": float(right.mean()), "test_pixels": 400, "training_pixels": 9, "validation_pixels": 9}
            stamp = {**dict.fromkeys(("torch", "numba", "numpy", "scikit-learn", "python", "date"), "1"), "cpu": "x"}
            arrays = {"right": right.astype(np.uint8), "blocks": blocks}
            for scene in ("field_choices",) if "mim" in variant else ("field",):
                results.add(scene, variant, seed, {**row, **stamp, "digest": "d"}, arrays)
    for variant, values in (("unmamba", (0.1, 0.2, 0.3, 0.9)), ("unmamba,weight_spread=1.0", (0.2, 0.3, 0.4))):
        for seed, value in enumerate(values):
            results.add("made", variant, seed, {"rmse": value, **stamp, "digest": "d"}, {})
    monkeypatch.setattr(page, "PAGE", tmp_path / "docs" / "benchmarks.md")
    monkeypatch.setattr(page, "PICTURES", tmp_path / "docs" / "benchmarks")
    page.write_page(results)
    text = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "instead of" in line]
    assert len(lines) == 2 and "### field_choices" not in text and "### field" in text
    classified, unmixed = ([cell.strip() for cell in line.split("|")[1:-1]] for line in lines)
    assert classified[:5] == [
        "Mamba-in-Mamba (MiM)",
        "Logistic regression beside the network: no instead of yes",
        "field_choices",
        "3",
        "OA (%)",
    ]
    assert -36 < float(classified[7]) < -24 and float(classified[8].split(" to ")[1]) < -15
    assert unmixed[1:5] == ["Weight of the endmember spread: 1.0 instead of 0.1", "made", "3", "abundance RMSE"]
    assert unmixed[5:] == ["0.200 ± 0.100", "0.300 ± 0.100", "+0.100", "+0.100 to +0.100"]
    assert page.tables(results, "field_choices").count("| Mamba-in-Mamba (MiM)") == 2  # a run prints all it computed
    assert text.count("weight_spread") == 0 and "| UNMamba (blind unmixing) | 4 |" in text
