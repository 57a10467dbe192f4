"""One whole run in a child process, from job file to files on disk, the way the plugin starts it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import rasterio
from children import ROOT, Finished, finished, start
from mixel.backend.library import read_sli
from mixel.backend.protocol import JOB_FILE, LOG_FILE, Done, Failed, Job, Metric, Notice, Output, Progress, Started
from mixel.backend.tasks import running
from runs import FILES, NODATA, listing, quick, values_of
from scenes import COLS, ROWS, WAVELENGTHS, stored, write

NOISE = """
import ctypes, os, sys, threading, time
def talk():
    while "backend.tasks" not in sys.modules:
        time.sleep(0.005)
    for _ in range(300):
        print("a library talks")
        os.write(1, b"a library talks to the descriptor\\n")
        ctypes.CDLL(None).puts(b"a C library talks")
        ctypes.CDLL(None).fflush(None)
        time.sleep(0.01)
threading.Thread(target=talk, daemon=True).start()
"""
"""A sitecustomize.py: from the moment that the backend loads its libraries, they print."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder whose name tests everything that handles names."""
    folder = tmp_path_factory.mktemp("run") / "Größe 100 % <b>高光谱 'q' \"d\" #1"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def request_(place):
    """The job of the whole run; its scene has five pixels without data and a band of one value."""
    values = stored()
    values[:, 4, 2:6] = NODATA
    values[3, 9, 16] = NODATA
    values[7] = 1234
    return quick(write(place / "сцена №1.tif", values, nodata=NODATA), place / "out 1", epochs=4)


@pytest.fixture(scope="module")
def first(place, request_):
    """The finished child, and for each announced file whether it could be read when it was announced."""
    (place / "noise").mkdir()
    (place / "noise" / "sitecustomize.py").write_text(NOISE)
    output = Path(request_.output)
    output.mkdir()
    (output / LOG_FILE).write_text("earlier words\n")
    request_.write(output / JOB_FILE)
    process = start(output / JOB_FILE, environment={"PYTHONPATH": str(place / "noise")})
    with (place / "errors.txt").open("w+b") as errors:
        copying = subprocess.Popen(["cat"], stdin=process.stderr, stdout=errors)
        lines, whole = [], {}
        for line in process.stdout:
            lines.append(line.decode("utf-8").rstrip("\n"))
            if '"output"' in lines[-1]:
                path = Path(json.loads(lines[-1])["path"])
                whole[path.name] = path.is_file() and len(path.read_bytes())
        process.wait()
        copying.wait()
        errors.seek(0)
        return Finished(process.returncode, lines, errors.read().decode()), whole


@pytest.fixture(scope="module")
def child(first):
    return first[0]


@pytest.fixture(scope="module")
def output(request_, child):
    assert child.code == 0, child.stderr
    return Path(request_.output)


def test_standard_output_holds_nothing_but_events_whatever_the_libraries_print(child):
    assert len(child.events) == len(child.lines) > 8
    for voice in ("a library talks\n", "talks to the descriptor", "a C library talks"):
        assert voice in child.stderr and voice.strip() not in "\n".join(child.lines)


def test_started_comes_first_and_done_last_each_once(child, request_):
    kinds = [type(event) for event in child.events]
    assert (kinds[0], kinds[-1]) == (Started, Done)
    assert kinds.count(Started) == kinds.count(Done) == 1 and Failed not in kinds
    started = child.events[0]
    assert (started.task, started.method, started.device) == ("unmix", "unmamba", "cpu")
    assert started.version in (ROOT / "metadata.txt").read_text(encoding="utf-8")
    assert started.scan.endswith(".")


def test_progress_rises_from_0_to_1_with_words_and_the_time_left(child):
    steps = child.of(Progress)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and (fractions[0], fractions[-1]) == (0, 1)
    assert all(step.message for step in steps)
    assert all(step.seconds_left is None or step.seconds_left >= 0 for step in steps)
    assert steps[-1].seconds_left == 0


def test_the_loss_is_a_curve_that_ends_at_the_last_step(child):
    points = child.of(Metric)
    assert {point.name for point in points} == {"loss"}
    assert [point.step for point in points] == sorted({point.step for point in points})
    assert points[-1].step == 4
    assert points[-1].value == child.events[-1].metrics["final_loss"]


def test_every_output_is_whole_when_it_is_announced_and_no_output_comes_twice(first, child, output):
    announced = child.of(Output)
    assert [one.kind for one in announced] == ["abundances", "error", "endmembers", "report", "job"]
    assert all(one.label for one in announced)
    for one in announced:
        path = Path(one.path)
        assert path.parent == output and first[1][path.name] == path.stat().st_size > 0


def test_nothing_else_is_left_in_the_folder(output):
    assert listing(output) == sorted([*FILES, LOG_FILE])
    assert (output / LOG_FILE).read_text() == "earlier words\n", "the log is the parent's"


def test_abundances_are_shares_on_the_scenes_grid_and_nan_where_there_is_no_data(output, request_):
    with rasterio.open(request_.scene) as scene, rasterio.open(output / "abundances.tif") as abundances:
        assert (abundances.crs, abundances.transform, abundances.shape) == (scene.crs, scene.transform, scene.shape)
        assert abundances.descriptions == ("Endmember 1", "Endmember 2", "Endmember 3")
        values, empty = abundances.read(), (scene.read() == NODATA).any(axis=0)
    assert empty.sum() == 5
    np.testing.assert_array_equal(np.isnan(values), np.broadcast_to(empty, values.shape))
    np.testing.assert_array_equal(np.isnan(values_of(output / "error.tif")[0]), empty)
    assert values[:, ~empty].min() >= 0
    np.testing.assert_allclose(values[:, ~empty].sum(axis=0), 1, atol=1e-5)
    means = values[:, ~empty].mean(axis=1)
    assert list(means) == sorted(means, reverse=True), "the most abundant first"


def test_endmembers_are_spectra_over_the_bands_that_were_used(output):
    library = read_sli(output / "endmembers.sli")
    assert library.names == ["Endmember 1", "Endmember 2", "Endmember 3"]
    np.testing.assert_allclose(library.wavelengths, [value for value in WAVELENGTHS if value != 800])
    assert library.spectra.shape == (3, 11) and (library.spectra >= 0).all()
    assert (output / "endmembers.csv").read_text(encoding="utf-8-sig").startswith("wavelength_nm,Endmember 1,")


def test_the_error_is_that_of_the_files_themselves(output, request_, child):
    library, abundances = read_sli(output / "endmembers.sli"), values_of(output / "abundances.tif")
    cube = values_of(request_.scene)[[band for band in range(12) if band != 7]] / 1e4
    rebuilt = np.einsum("rhw,rb->bhw", abundances, library.spectra)
    error = np.sqrt(np.square(rebuilt - cube).mean(axis=0))
    np.testing.assert_allclose(values_of(output / "error.tif")[0], error, rtol=1e-3)
    metrics = child.events[-1].metrics
    assert metrics["valid_pixels"] == ROWS * COLS - 5
    assert metrics["reconstruction_rmse"] == pytest.approx(np.sqrt(np.nanmean(np.square(error))), rel=1e-3)


def test_what_the_user_must_know_is_said_and_stands_in_record_and_report(output, child):
    notices = [event.message for event in child.of(Notice)]
    assert any("one value only were left out: 8." in notice for notice in notices)
    assert any("stored value / 10000" in notice for notice in notices)
    assert any("2.7 % of the pixels hold no data" in notice for notice in notices)
    assert Job.read(output / JOB_FILE).record["notices"] == notices
    page = (output / "report.html").read_text(encoding="utf-8")
    assert all(notice in page for notice in notices) and "сцена №1.tif" in page


def test_the_job_file_holds_the_request_as_it_was_and_the_record_of_the_run(output, request_, child):
    found = Job.read(output / JOB_FILE)
    assert {**asdict(found), "record": {}} == asdict(request_)
    assert found.record["metrics"] == child.events[-1].metrics
    assert found.record["settings"]["seed"] == 11 and found.record["settings"]["epochs"] == 4
    assert 0 < found.record["seconds"] <= child.events[-1].seconds + 0.1
    assert {"Mixel", "Python", "torch", "numba", "Device"} <= set(found.record["versions"])


def test_the_job_of_a_finished_run_gives_the_same_result_in_a_new_folder(output, place):
    found = finished(start(output / JOB_FILE, "--output", str(place / "out 2")))
    assert found.code == 0, found.stderr
    assert listing(place / "out 2") == sorted(FILES)
    for name in ("abundances.tif", "error.tif", "endmembers.sli", "endmembers.csv"):
        assert (place / "out 2" / name).read_bytes() == (output / name).read_bytes(), name


def test_another_seed_gives_another_result(output, request_, tmp_path):
    running.run(quick(request_.scene, tmp_path / "out", epochs=4, seed=12), lambda event: None)
    same = np.nan_to_num(values_of(tmp_path / "out" / "error.tif")) == np.nan_to_num(values_of(output / "error.tif"))
    assert same.mean() < 0.1


def test_a_second_run_into_the_folder_is_refused_and_changes_nothing(output):
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    with pytest.raises(ValueError, match=r"already holds files.*nothing was overwritten"):
        running.run(Job.read(output / JOB_FILE), lambda event: None)
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before
