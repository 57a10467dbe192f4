"""The scoreboard on a tiny scene, from scene file to page: cells, resuming, failures, figures, what the help quotes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import compare, page, presets, targets  # noqa: E402
from tests.benchmarks.results import SHIPPED, Results  # noqa: E402
from tests.benchmarks.scene_files import described, read_scene, scene_files, tasks_of  # noqa: E402
from tests.benchmarks.simulate import Simulation  # noqa: E402
from tests.benchmarks.tables import Files  # noqa: E402
from tests.benchmarks.unmixing import floors  # noqa: E402

ROWS, COLS, BANDS = 24, 20, 12
SCENE = """
title = "Tiny"
note = "Made for a test."
[cube]
file = "tiny.mat"
variable = "Y"
axes = "bands cols rows"
rows = 24
cols = 20
divide = 100
[reference]
names = ["soil", "leaf"]
abundances = { file = "tiny.mat", variable = "A", axes = "rows cols endmembers" }
spectra = { file = "tiny.mat", variable = "M", axes = "bands endmembers" }
[labels]
classes = ["bare", "green"]
training = { file = "tiny.mat", variable = "T" }
test = { file = "tiny.mat", variable = "L" }
"""


@pytest.fixture
def data(tmp_path):
    """A data folder with one scene of two materials, pixels in Fortran order."""
    random, axis = np.random.default_rng(0), np.linspace(0, 1, BANDS)
    spectra = np.stack([0.2 + 0.2 * axis, 0.1 + 0.4 * (axis > 0.5)])
    share = np.clip(np.linspace(-0.3, 1.3, COLS) + random.normal(0, 0.05, (ROWS, COLS)), 0, 1)
    shares = np.stack([share, 1 - share])
    cube = np.einsum("rhw,rb->bhw", shares, spectra) + random.normal(0, 0.002, (BANDS, ROWS, COLS))
    labels = np.where(share > 0.8, 1, np.where(share < 0.2, 2, 0))
    training = np.where(np.arange(ROWS)[:, None] < ROWS // 2, labels, 0)
    tables = {"A": shares.transpose(1, 2, 0), "M": spectra.T, "L": labels, "T": training}
    savemat(tmp_path / "tiny.mat", {"Y": 100 * cube.transpose(0, 2, 1).reshape(BANDS, -1), **tables})
    (tmp_path / "tiny.toml").write_text(SCENE, encoding="utf-8")
    return tmp_path


def scoreboard(data, *arguments):
    command = [sys.executable, "-m", "tests.benchmarks.benchmark", str(data), "--scene", "tiny", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def kept(folder, variants):
    """A results folder with these variants of the scene "s", each a list of rows and of right pixels."""
    results = Results(folder)
    for variant, (rows, right) in variants.items():
        for seed, (row, pixels) in enumerate(zip(rows, right, strict=True)):
            blocks = np.arange(len(pixels)) // 10
            results.add("s", variant, seed, row, {"right": np.asarray(pixels, np.uint8), "blocks": blocks})
    return results


def test_a_scene_file_says_what_cube_reference_and_split_are(data):
    scene = read_scene(scene_files(data)["tiny"], data, 0)
    assert scene.cube.reflectance.shape == (BANDS, ROWS, COLS) and scene.reference.names == ("soil", "leaf")
    mixed = np.einsum("rhw,rb->bhw", scene.reference.abundances, scene.reference.spectra)
    assert np.abs(mixed - scene.cube.reflectance).max() < 0.02  # pixels lie where their abundances do
    labels, split = scene.truth.labels, scene.truth.split
    assert labels.rows[split.train | split.validation].max() < ROWS // 2 <= labels.rows[split.test].min()
    assert tasks_of(scene_files(data)["tiny"]) == {"unmix", "classify", "unmix_and_classify"}


@pytest.mark.parametrize(
    "old, new, said",
    [
        ('variable = "Y"', 'variable = "Z"', "tiny.toml.*tiny.mat: variable is one of Y, A, M, L, T"),
        ('axes = "bands cols rows"', 'axes = "bands cols"', "tiny.toml.*axes are 'bands rows cols'"),
        ("rows = 24\n", "", "tiny.toml.*rows and cols must say how its pixels lie"),
        ('["soil", "leaf"]', '["soil"]', "1 names, 2 abundances and 2 spectra"),
        ('["bare", "green"]', '["bare"]', "names 1 classes; the values go up to 2"),
        ("spectra = {", "spectrum = {", "needs spectra, or a library"),
        ("[cube]", "[cubes]", "tiny.toml: a scene file has"),
        ("[cube]", "[cube", "tiny.toml is not a scene file"),
        ("divide = 100", "times = 100", "not ..times"),
    ],
)
def test_a_wrong_scene_file_is_refused_with_a_sentence(data, old, new, said):
    path = data / "tiny.toml"
    path.write_text(SCENE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read_scene(path, data, 0)


def test_a_scene_whose_files_are_missing_says_so(data):
    (data / "tiny.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"tiny.toml: tiny.mat is not"):
        read_scene(data / "tiny.toml", data, 0)


def test_the_shipped_scene_files_are_whole_and_their_data_are_asked_for_by_name(tmp_path):
    shipped = scene_files(tmp_path)
    assert {"jasper_ridge", "samson", "moffett", "berlin", "indian_pines", "potsdam"} <= set(shipped)
    for path in shipped.values():
        assert described(path)["title"] and described(path)["note"] and tasks_of(path)
        with pytest.raises(FileNotFoundError, match="is not in the data folder"):
            read_scene(path, tmp_path, 0)


def test_a_table_has_the_axes_that_are_wanted_and_a_digest_of_its_files(data):
    files = Files(data)
    table = files.table(
        {"file": "tiny.mat", "variable": "M", "axes": "bands endmembers", "take": [1]}, "endmembers bands"
    )
    assert table.shape == (1, BANDS) and table[0, 0] == pytest.approx(0.1)
    before = files.digest
    (data / "tiny.mat").write_bytes((data / "tiny.mat").read_bytes() + b" ")
    assert len(before) == 12 and files.digest != before


def test_simulated_scenes_are_the_same_everywhere_and_as_noisy_as_asked():
    shares = np.random.default_rng(1).dirichlet(np.ones(3), (30, 30)).transpose(2, 0, 1)
    spectra = np.random.default_rng(2).uniform(0.1, 0.5, (3, 40))
    clean = np.einsum("rhw,rb->bhw", shares, spectra)
    for decibels in (20, 40):
        made = Simulation(decibels).mixed(shares, spectra)
        assert np.array_equal(made, Simulation(decibels).mixed(shares, spectra))
        assert 10 * np.log10(np.mean(clean**2) / np.mean((made - clean) ** 2)) == pytest.approx(decibels, abs=0.2)
    assert Simulation(purest=0.8).shares(np.eye(3)[:, :, None]).max() == pytest.approx(0.8)
    varied = Simulation(200, variability=0.25).mixed(shares, spectra)
    assert 0.02 < np.abs(varied / clean - 1).mean() < 0.25


def test_the_floors_are_what_they_are_called(data):
    scene = read_scene(data / "tiny.toml", data, 0)
    found = floors(scene.cube, scene.reference)
    truth = scene.reference.abundances
    assert found["uniform abundances"] == pytest.approx(np.sqrt(np.mean((truth - 0.5) ** 2)), rel=1e-6)
    assert found["FCLS, reference spectra"] < 0.03


def test_a_run_computes_what_is_missing_and_nothing_twice(data, tmp_path):
    folder = tmp_path / "cells"
    asked = ("--method", "random_forest", "--method", "vca_fcls", "--results", str(folder), "--set", "seed=3")
    done = scoreboard(data, *asked, "--seeds", "1", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    row = Results(folder).rows("tiny", "random_forest,seed=3")[0]
    assert (
        row["oa"] > 0.95 and row["parameters"] > 0 and row["peak_mb"] > 50 and row["torch"] and len(row["digest"]) == 12
    )
    arrays = Results(folder).arrays("tiny", "random_forest,seed=3")
    assert arrays["right_0"].mean() == pytest.approx(row["oa"], abs=1e-4) and arrays["map_0"].shape == (ROWS, COLS)
    unmixed = Results(folder).rows("tiny", "vca_fcls,seed=3")[0]
    assert unmixed["rmse"] < 0.1 and len(unmixed["rmse_each"]) == 2
    more = scoreboard(data, *asked, "--seeds", "2")
    assert more.returncode == 0 and "seed 0" not in more.stdout and more.stdout.count("seed 1") == 2


def test_a_cell_that_fails_is_told_and_the_others_go_on(data, tmp_path):
    (data / "tiny.toml").write_text(SCENE.replace('variable = "T"', 'variable = "X"'), encoding="utf-8")
    shutil.copy(data / "tiny.mat", data / "other.mat")
    text = SCENE.replace("[labels]", "[labels]\n").replace("tiny.mat", "other.mat")
    (data / "other.toml").write_text(text, encoding="utf-8")
    asked = ("--scene", "other", "--method", "vca_fcls", "--seeds", "1", "--set", "repeats=1")
    done = scoreboard(data, *asked, "--results", str(tmp_path / "r"))
    assert done.returncode == 1
    assert "tiny vca_fcls,repeats=1 seed 0: tiny.toml: " in done.stdout and "variable is one of" in done.stdout
    assert "other vca_fcls,repeats=1 seed 0: rmse" in done.stdout


def test_validation_pixels_can_be_scored_and_are_not_kept(data):
    before = sorted(SHIPPED.rglob("*"))
    done = scoreboard(data, "--method", "svm", "--seeds", "1", "--validation")
    assert done.returncode == 0 and "tiny svm seed 0: oa" in done.stdout, done.stdout + done.stderr
    assert sorted(SHIPPED.rglob("*")) == before


def test_training_pixels_can_be_few_of_each_class(data):
    scene = read_scene(data / "tiny.toml", data, 0)
    few, none = scene.truth.training(5, 1)
    assert few.counts.tolist() == [5, 5] and len(none) == 0


def test_results_are_replaced_whole_and_sorted_by_seed(tmp_path):
    results = Results(tmp_path)
    for seed in (2, 0):
        results.add("s", "m,x=1", seed, {"oa": seed / 10}, {"right": np.ones(4, np.uint8)})
    assert list(results.rows("s", "m,x=1")) == [0, 2] and results.variants("s") == ["m,x=1"]
    assert set(results.arrays("s", "m,x=1")) == {"right_0", "right_2"}
    assert len(list((tmp_path / "s").iterdir())) == 2  # nothing half written is left
    assert list(json.loads((tmp_path / "s" / "m,x=1.json").read_text())) == ["0", "2"]


def test_means_over_seeds_with_interval():
    rows = {seed: {"oa": value} for seed, value in enumerate((0.7, 0.8, 0.9))}
    found = compare.summary(rows, "oa")
    assert (found.mean, found.sd, found.seeds) == (pytest.approx(0.8), pytest.approx(0.1), 3)
    assert found.interval == pytest.approx((0.8 - 4.3027 * 0.1 / 3**0.5, 0.8 + 4.3027 * 0.1 / 3**0.5), abs=1e-4)
    assert compare.summary(rows, "rmse") is None and np.isnan(compare.summary({0: {"oa": 1.0}}, "oa").interval[0])


def test_two_methods_are_compared_on_the_seeds_they_share(tmp_path):
    random = np.random.default_rng(0)
    good, bad = ([random.random(400) < share for _ in range(3)] for share in (0.9, 0.6))
    results = kept(tmp_path, {"a": ([{}] * 3, good), "b": ([{}] * 2, bad[:2])})
    first, second = (compare.right_pixels(results, "s", name) for name in "ab")
    found = compare.difference(first, second)
    assert found.seeds == 2 and found.interval[0] > 0.2 and found.p_value < 1e-6
    assert found.mean == pytest.approx(np.mean(good[:2]) - np.mean(bad[:2]))
    assert compare.difference(first, first).p_value == 1
    assert compare.right_pixels(results, "s", "nobody") is None


def test_blocks_of_other_splits_are_other_blocks(tmp_path):
    results = Results(tmp_path)
    for seed, size in ((0, 60), (1, 60), (2, 50)):
        results.add("s", "m", seed, {}, {"right": np.ones(size, np.uint8), "blocks": np.arange(size) // 10})
    found = compare.right_pixels(results, "s", "m")
    assert np.array_equal(found.blocks[0], found.blocks[1]) and not set(found.blocks[0]) & set(found.blocks[2])


def test_holm_against_the_book():
    assert compare.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert compare.holm([0.6, 0.9]) == [1.0, 1.0] and compare.holm([]) == []


def test_targets_are_judged_by_means_and_say_how_many_seeds(tmp_path):
    results = Results(tmp_path)
    for seed in range(10):
        results.add("samson", "unmamba", seed, {"rmse": 0.09, "sad": 0.06}, {})
    found = {one.goal: one for one in targets.targets(results)}
    reached = [one for goal, one in found.items() if goal.startswith("samson")]
    assert [one.verdict for one in reached] == ["holds", "missed"]
    for seed in range(10):
        results.add("samson", "unmamba", seed, {"rmse": 0.12, "sad": 0.04}, {})
    found = {one.goal: one for one in targets.targets(results)}
    far, near = (one.verdict for goal, one in found.items() if goal.startswith("samson"))
    assert far == f"missed: {targets.SAMSON}" and near == "holds"
    others = {one.verdict for goal, one in found.items() if not goal.startswith(("samson", "SpectralMamba"))}
    assert others == {"not run"}
    assert [one.verdict for goal, one in found.items() if goal.startswith("SpectralMamba")] == ["holds", "holds"]
    results.add("indian_pines", "mim", 0, {"oa": 0.93}, {})
    results.add("indian_pines", "random_forest", 0, {"oa": 0.7}, {})
    best = next(one for one in targets.targets(results) if one.goal.startswith("indian_pines"))
    assert best.verdict == "holds (1 seeds only)" and "93.0" in best.reached
    results.add("indian_pines", "spectralmamba", 0, {"oa": 0.69}, {})
    each = next(one for one in targets.targets(results) if one.goal.startswith("indian_pines: every"))
    assert each.verdict == "missed (1 seeds only)" and "the least, SpectralMamba, 69.0 %" in each.reached


def test_the_page_is_made_of_the_cells_alone(data, tmp_path, monkeypatch):
    folder = tmp_path / "cells"
    asked = ("--method", "random_forest", "--method", "svm", "--method", "vca_fcls", "--method", "floors")
    done = scoreboard(data, *asked, "--seeds", "2", "--results", str(folder), "--validation")
    assert done.returncode == 0, done.stdout + done.stderr
    monkeypatch.setattr(page, "PAGE", tmp_path / "docs" / "benchmarks.md")
    monkeypatch.setattr(page, "PICTURES", tmp_path / "docs" / "benchmarks")
    page.write_page(Results(folder))
    text = (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    for word in (
        "| Random forest | 2 |",
        "*uniform abundances*",
        "*the commonest class*",
        "*the logistic regression*",
        "7 cells",
    ):
        assert word in text, word
    for name in ("tiny_maps", "tiny_abundances", "tiny_spectra", "tiny_cost"):
        assert (
            f"benchmarks/{name}.png" in text
            and (tmp_path / "docs" / "benchmarks" / f"{name}.png").stat().st_size > 2000
        )
    (folder / "tiny" / "floors.npz").unlink()  # as in a fresh clone: the reference is its authors'
    (tmp_path / "docs" / "benchmarks" / "old.png").write_bytes(b"")
    page.write_page(Results(folder))
    assert (tmp_path / "docs" / "benchmarks.md").read_text(encoding="utf-8") == text
    assert len(list((tmp_path / "docs" / "benchmarks").glob("*.png"))) == 4


@pytest.mark.parametrize("item", presets.deep_methods(), ids=lambda one: one.name)
def test_the_help_of_the_presets_quotes_the_finished_cells(item):
    told = sys.modules[item.config.__module__].MEASURED
    assert told == presets.sentence(Results(SHIPPED), item)
