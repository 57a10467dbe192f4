"""The scoreboard on a tiny scene, from scene file to page: scenes, cells, resuming, failures."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import page  # noqa: E402
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
        ("[labels]", "[labels]\ntest_tile = []", "has all, block, .*, not test_tile"),
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


def test_blocks_are_numbered_by_place_in_every_split(data):
    text = SCENE[: SCENE.index("training =")] + 'all = { file = "tiny.mat", variable = "L" }\ngap = 1\n'
    (data / "drawn.toml").write_text(text, encoding="utf-8")
    known = {}
    for seed in range(4):
        truth = read_scene(data / "drawn.toml", data, seed).truth
        test = truth.labels.select(truth.split.test)
        for place, block in zip(zip(test.rows, test.cols, strict=True), truth.blocks(truth.split.test), strict=True):
            assert known.setdefault(place, block) == block
    assert len(set(known.values())) > 3


def test_a_scene_whose_files_are_not_there_is_left_out(data, tmp_path):
    (data / "gone.toml").write_text(SCENE.replace("tiny.mat", "gone.mat"), encoding="utf-8")
    asked = ("--scene", "gone", "--method", "random_forest", "--seeds", "1", "--results", str(tmp_path / "r"))
    done = scoreboard(data, *asked)
    assert done.returncode == 0 and "gone: left out, gone.mat is not in the data folder" in done.stdout
    assert "| Random forest | 1 |" in done.stdout and not (tmp_path / "r" / "gone").exists()  # the table is printed


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
        "*the commonest training class*",
        "*the logistic regression*",
        "8 cells",
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
