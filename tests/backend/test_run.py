"""A run from job file to files on disk: as a child process, the way the plugin starts it, and its tasks in here."""

from __future__ import annotations

import errno
import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import rasterio
from children import ROOT, Finished, finished, start, until
from mixel.backend import __main__ as program
from mixel.backend.library import read_sli
from mixel.backend.protocol import (
    JOB_FILE,
    LOG_FILE,
    OWNER,
    PARTIAL,
    Done,
    Failed,
    Job,
    Metric,
    Notice,
    Output,
    Progress,
    Started,
    decode,
)
from mixel.backend.tasks import running
from scenes import COLS, QUICK, ROWS, WAVELENGTHS, mixture, stored, write

FILES = ["abundances.tif", "endmembers.csv", "endmembers.hdr", "endmembers.sli", "error.tif", JOB_FILE, "report.html"]
NODATA = -9999
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


def listing(folder):
    return sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []


def job(scene, output, **changes):
    return Job(**{"task": "unmix", "method": "unmamba", "scene": str(scene), "output": str(output), **changes})


def quick(scene, output, **settings):
    return job(scene, output, settings={**QUICK, **settings})


def values_of(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


# One whole run of a child process, looked at from all sides.


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


# Refusals: one sentence, nothing lost, nothing left.


def with_pixels(valid):
    """A scene with so many valid pixels."""
    values = np.full((40, ROWS, COLS), NODATA, np.int16)
    rows, cols = np.unravel_index(np.arange(valid) * 7, (ROWS, COLS))
    values[:, rows, cols] = stored(mixture(40, 1, valid))[:, 0]
    return values


SCENES = {
    "nine bands": (stored(mixture(bands=9)), {}, "has 9 usable bands; Mixel needs at least 10"),
    "three bands": (stored(mixture(bands=3)), {}, "has 3 usable bands"),
    "3 x 5 pixels": (stored(mixture(rows=3, cols=5)), {}, "has 3 x 5 pixels; Mixel needs at least 8 x 8"),
    "all nodata": (np.full((12, ROWS, COLS), NODATA, np.int16), {}, "Every pixel of the scene is nodata"),
    "all NaN": (np.full((12, ROWS, COLS), np.nan, np.float32), {}, "Every pixel of the scene is nodata"),
    "constant": (np.full((12, ROWS, COLS), 7, np.int16), {}, "Only 0 bands of the scene vary"),
    "negative everywhere": (stored() - np.int16(10500), {}, "zero or negative almost everywhere; choose a reflectance"),
    "complex": (mixture().astype(np.complex64), {}, "complex numbers"),
    "more endmembers than bands": (stored(), {"num_endmembers": 13}, "12 usable bands; 13 endmembers cannot be told"),
    "more endmembers than pixels": (with_pixels(20), {"num_endmembers": 21}, "20 valid pixels; 21 endmembers cannot"),
    "released variant, too large": (
        np.broadcast_to(stored(mixture(rows=9, cols=1)), (12, 9, 29200)),
        {"variant": "released"},
        "has 9 x 29200 pixels; this variant reads it whole and takes at most 512 x 512. Choose the repaired",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def compiled(tmp_path_factory):
    """Kernels compiled and cached, so that a test that leaves no room on the disk meets the run and not the cache."""
    folder = tmp_path_factory.mktemp("first")
    running.run(quick(write(folder / "scene.tif"), folder / "out"), lambda event: None)


def refused(request, output, emit=lambda event: None):
    """The sentence of a task that is refused; nothing is left then but request and log."""
    events = []

    def collect(event):
        events.append(event)
        emit(event)

    with pytest.raises(ValueError) as found:
        running.run(request, collect)
    assert not [event for event in events if isinstance(event, (Output, Done, Failed))]
    assert set(listing(output)) <= {JOB_FILE, LOG_FILE}
    assert "\n" not in str(found.value)
    return str(found.value)


@pytest.mark.parametrize("case", SCENES)
def test_a_scene_that_cannot_be_unmixed_is_refused(write_scene, tmp_path, case):
    values, settings, words = SCENES[case]
    path = write_scene(values, nodata=NODATA if values.dtype == np.int16 else None)
    assert words in refused(quick(path, tmp_path / "out", **settings), tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": "magic"}, "There is no method 'magic'; the methods are"),
        ({"method": "../../x"}, "There is no method"),
        ({"task": "cook"}, "There is no task 'cook'; the tasks are"),
        ({"scene": ""}, "needs the field 'scene'"),
        ({"inputs": {"map": {"path": "x"}}}, "reads no 'map'"),
        ({"options": {"speed": 3}}, "There is no setting 'speed'"),
        ({"settings": {"speed": 3}}, "There is no setting 'speed'"),
        ({"settings": {"epochs": -1}}, "'Training steps' must be at least 0"),
        ({"settings": {"num_endmembers": 1}}, "'Number of endmembers' must be at least 2"),
        ({"settings": {"width": 17}}, "'Feature width' must be a multiple of 16"),
        ({"settings": {"seed": "x"}}, "'Random seed' must be of type int"),
        ({"scene": "/nowhere/scene.tif"}, "The scene /nowhere/scene.tif cannot be opened as a raster"),
    ],
)
def test_a_job_that_cannot_be_done_is_refused(write_scene, tmp_path, changes, words):
    request = job(**{"scene": write_scene(), "output": tmp_path / "out", **changes})
    assert words in refused(request, tmp_path / "out")


def test_a_gpu_that_is_not_there_is_refused(write_scene, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "GPU cannot be used" in refused(job(write_scene(), tmp_path / "out", device="cuda"), tmp_path / "out")


@pytest.mark.parametrize("wavelengths", [None, WAVELENGTHS], ids=["directory first", "directory last"])
@pytest.mark.parametrize("kept", [0.2, 0.8])
def test_a_truncated_scene_is_refused(write_scene, tmp_path, kept, wavelengths):
    path = write_scene(stored(mixture(rows=80, cols=90)), wavelengths=wavelengths)
    os.truncate(path, int(os.path.getsize(path) * kept))
    message = refused(quick(path, tmp_path / "out"), tmp_path / "out")
    assert path in message
    assert ("Copy or download the file again." if wavelengths is None else "Check that the file is whole") in message


def test_an_output_folder_below_a_file_is_refused(write_scene, tmp_path):
    (tmp_path / "file").write_text("precious")
    message = refused(quick(write_scene(), tmp_path / "file" / "out"), tmp_path / "file" / "out")
    assert "cannot be written to" in message and (tmp_path / "file").read_text() == "precious"


def test_a_disk_that_is_nearly_full_is_refused_at_once(write_scene, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1e9, 1e9, 1000))
    assert "MB free; the results need about" in refused(quick(write_scene(), tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize(("room", "file"), [(0, "pid"), (1000, "raster"), (50_000, "report")])
def test_a_disk_that_fills_up_during_the_run_is_a_sentence(write_scene, tmp_path, small_files, room, file):
    request = quick(write_scene(), tmp_path / "out")
    with small_files(room):
        message = refused(request, tmp_path / "out")
    assert f"{tmp_path / 'out'}" in message and "cannot be written" in message


@pytest.mark.parametrize("moment", ["Reading a sample", "Training, step 2 of 2", "Unmixing window"])
def test_a_scene_that_is_replaced_during_the_run_is_refused(write_scene, tmp_path, moment):
    path, other = write_scene(), write_scene(stored() + np.int16(100), "other.tif")

    def replace(event):
        if isinstance(event, Progress) and event.message.startswith(moment) and os.path.exists(other):
            os.replace(other, path)

    message = refused(quick(path, tmp_path / "out"), tmp_path / "out", replace)
    assert "was changed while it was being read; run again when it rests." in message
    assert not os.path.exists(other)


@pytest.mark.parametrize("moment", ["Training, step 2 of 2", "Unmixing window"])
@pytest.mark.parametrize("what", [".", PARTIAL])
def test_an_output_folder_that_is_deleted_during_the_run_is_a_sentence(write_scene, tmp_path, moment, what):
    def delete(event):
        if isinstance(event, Progress) and event.message.startswith(moment):
            shutil.rmtree(tmp_path / "out" / what, ignore_errors=True)

    assert "cannot be written to" in refused(quick(write_scene(), tmp_path / "out"), tmp_path / "out", delete)


def test_an_error_in_the_midst_of_a_run_leaves_nothing(write_scene, tmp_path):
    def fail(event):
        if isinstance(event, Metric):
            assert (tmp_path / "out" / PARTIAL / OWNER).is_file()
            raise RuntimeError("a cosmic ray")

    with pytest.raises(RuntimeError, match="cosmic"):
        running.run(quick(write_scene(), tmp_path / "out"), fail)
    assert listing(tmp_path / "out") == []


# Scenes that are odd and yet unmixed.


def spoiled(values, bad):
    values = values.copy()
    values[2, 3, 4] = bad
    return values


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (spoiled(mixture(), np.nan), {}, "0.5 % of the pixels hold no data"),
        (spoiled(mixture(), np.inf), {}, "0.5 % of the pixels hold no data"),
        (spoiled(mixture(), -np.inf), {"nodata": np.nan}, "0.5 % of the pixels hold no data"),
        (spoiled(mixture(), -3.4028234663852886e38), {}, "0.5 % of the pixels hold no data"),
        (stored() - np.int16(2000), {}, "of the sampled values are negative"),
        (spoiled(mixture(), 500.0), {}, "Some reflectances are above 10"),
        (stored(), {"wavelengths": None}, "names no wavelengths"),
        (stored(), {"crs": None, "transform": None}, "has no georeference"),
        (stored(mixture(rows=8, cols=8)), {}, "stored value / 10000"),
        (stored(mixture(bands=10, rows=9, cols=70)), {}, "stored value / 10000"),
    ],
    ids=["NaN", "inf", "-inf", "-3.4e38", "negative", "bright", "no wavelengths", "no grid", "8 x 8", "9 x 70"],
)
def test_an_odd_scene_is_unmixed_whole_and_what_is_odd_is_told(write_scene, tmp_path, values, options, words):
    events = []
    path = write_scene(values, **options)
    metrics = running.run(quick(path, tmp_path / "out"), events.append)
    assert any(words in event.message for event in events if isinstance(event, Notice)), events
    assert listing(tmp_path / "out") == sorted(FILES)
    abundances = values_of(tmp_path / "out" / "abundances.tif")
    assert abundances.shape == (3, *values.shape[1:])
    assert np.isfinite(abundances[0]).sum() == metrics["valid_pixels"]
    np.testing.assert_allclose(abundances[:, np.isfinite(abundances[0])].sum(axis=0), 1, atol=1e-5)
    assert all(np.isfinite(value) for value in metrics.values())
    with rasterio.open(path) as scene, rasterio.open(tmp_path / "out" / "error.tif") as error:
        assert (scene.crs, scene.transform) == (error.crs, error.transform)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_packed_scene_is_only_read(backend, tmp_path):
    """Left to itself GDAL writes how long the unpacked file is into a file beside it."""
    folder = tmp_path / "scene"
    folder.mkdir()
    (folder / "scene.bsq").write_bytes(gzip.compress(stored().astype("<i2").tobytes()))
    lines = ["ENVI", f"samples = {COLS}", f"lines = {ROWS}", "bands = 12", "data type = 2", "interleave = bsq"]
    (folder / "scene.hdr").write_text("\n".join([*lines, "byte order = 0", "file compression = 1", ""]))
    found = backend({"scene": str(folder / "scene.bsq"), "output": str(tmp_path / "out")})
    assert isinstance(found.events[-1], Done)
    assert listing(folder) == ["scene.bsq", "scene.hdr"]


# How the program fails: one failed event, the last, with a sentence.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "must hold one JSON object"),
        ({"scene": 3}, "needs the field 'scene'"),
        ({"scene": "s.tif", "output": "o", "shell": "rm"}, "unknown field 'shell'"),
    ],
)
def test_a_hostile_job_file_gives_one_failed_event(backend, content, words):
    found = backend(content)
    assert words in found.failure and [type(event) for event in found.events] == [Failed]
    assert found.events[-1].details == "" and "Traceback" in found.stderr


def test_a_job_file_that_is_not_there_gives_one_failed_event(tmp_path):
    assert "missing.json cannot be read" in finished(start(tmp_path / "missing.json")).failure


def test_a_scene_whose_name_is_no_text_gives_one_failed_event(backend, tmp_path):
    found = backend({"scene": str(tmp_path / "\udcfc.tif"), "output": str(tmp_path / "out")})
    assert "\udcfc.tif cannot be opened as a raster" in found.failure
    assert isinstance(found.events[0], Started) and len(found.of(Started)) == 1
    assert listing(tmp_path / "out") == []


def test_a_full_disk_gives_one_failed_event_and_leaves_nothing(backend, write_scene, tmp_path):
    limit = 50_000
    found = backend(
        {"scene": write_scene(), "output": str(tmp_path / "out")},
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert "The results cannot be written to" in found.failure and "Is the disk full?" in found.failure
    assert listing(tmp_path / "out") == []


@pytest.fixture
def inside(monkeypatch, tmp_path, capfd):
    """Runs the program in this process with a task that does what it is told; gives exit code and events."""

    def run(task):
        wire = (tmp_path / "wire").open("w+", encoding="utf-8", errors="backslashreplace")
        monkeypatch.setattr(program, "_protect_stdout", lambda: wire)
        monkeypatch.setattr(program.signal, "signal", lambda *arguments: None)
        monkeypatch.setattr(running, "run", task)
        job("scene.tif", "out").write(tmp_path / "job.json")
        code = program.main([str(tmp_path / "job.json")])
        wire.seek(0)
        return code, [decode(line) for line in wire.read().splitlines()]

    return run


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("The scene is upside down."), "The scene is upside down."),
        (MemoryError(), "The memory did not suffice. Close other programs"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "The memory did not suffice"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "The memory did"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (KeyError("x\udcfc\n"), "met an error it does not know (KeyError: "),
        (ImportError("No module named 'torch'"), "(No module named 'torch'). Repair it on the Python page"),
        (RecursionError(), "met an error it does not know (RecursionError"),
    ],
)
def test_whatever_goes_wrong_is_one_failed_event_with_a_sentence(inside, capfd, error, words):
    def task(request, emit):
        raise error

    code, (failed,) = inside(task)
    assert code == 1 and isinstance(failed, Failed)
    assert words in failed.message
    log = capfd.readouterr().err
    if isinstance(error, ValueError):
        assert failed.details == "" and "Traceback" in log
    else:
        assert type(error).__name__ in failed.details and "Traceback" in failed.details
    if "The log has the details." in failed.message:
        assert "Traceback" in log


def test_a_run_that_succeeds_ends_in_done_with_its_metrics(inside):
    code, (notice, done) = inside(lambda request, emit: emit(Notice(request.scene)) or {"rmse": 0.5})
    assert (code, notice, done.metrics) == (0, Notice("scene.tif"), {"rmse": 0.5})


# Ends from outside: a signal, a kill, the death of the parent.


@pytest.fixture(scope="module")
def under_way(tmp_path_factory):
    """Three runs that would take long, each in the midst of its training: terminated, killed, orphaned."""
    folder = tmp_path_factory.mktemp("ends")
    scene = write(folder / "scene.tif")
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    runs = {}
    for name in ("terminated", "killed", "orphaned"):
        quick(scene, folder / name, epochs=20000).write(folder / f"{name}.json")
        runs[name] = start(folder / f"{name}.json", *(["--parent", parent.pid] if name == "orphaned" else []))
    for process in runs.values():
        while '"metric"' not in process.stdout.readline().decode():
            assert process.poll() is None, process.stderr.read().decode()
    yield folder, runs, parent
    for process in (*runs.values(), parent):
        process.kill()
        process.wait()


def gone_within_two_seconds(process, act):
    """Act, and wait for the process; twice the promise, for a busy machine."""
    began = time.monotonic()
    act()
    return until(lambda: process.poll() is not None, 4) and time.monotonic() - began < 4


def test_a_run_that_is_terminated_ends_and_leaves_nothing(under_way):
    folder, runs, _ = under_way
    assert listing(folder / "terminated" / PARTIAL) == [OWNER]
    assert gone_within_two_seconds(runs["terminated"], runs["terminated"].terminate)
    assert runs["terminated"].returncode == 128 + signal.SIGTERM
    assert listing(folder / "terminated") == []


def test_a_run_that_is_killed_leaves_only_what_the_next_run_clears(under_way):
    folder, runs, _ = under_way
    assert gone_within_two_seconds(runs["killed"], runs["killed"].kill)
    assert listing(folder / "killed") == [PARTIAL]
    running.run(quick(folder / "scene.tif", folder / "killed"), lambda event: None)
    assert listing(folder / "killed") == sorted(FILES)


def test_a_run_into_the_folder_of_a_live_run_is_refused_and_disturbs_nothing(under_way):
    folder, runs, _ = under_way
    with pytest.raises(ValueError, match="Another Mixel run is writing to"):
        running.run(quick(folder / "scene.tif", folder / "orphaned"), lambda event: None)
    assert listing(folder / "orphaned") == [PARTIAL]
    assert listing(folder / "orphaned" / PARTIAL) == [OWNER] and runs["orphaned"].poll() is None


def test_a_run_whose_parent_dies_ends_and_leaves_nothing(under_way):
    folder, runs, parent = under_way
    assert gone_within_two_seconds(runs["orphaned"], parent.kill), "the parent is a zombie now, as a crash leaves it"
    assert runs["orphaned"].returncode == 1
    assert listing(folder / "orphaned") == []


def test_a_run_whose_parent_is_long_gone_ends_before_it_starts(tmp_path, write_scene):
    past = subprocess.Popen(["true"])
    past.wait()
    quick(write_scene(), tmp_path / "out", epochs=20000).write(tmp_path / "job.json")
    process = start(tmp_path / "job.json", "--parent", past.pid)
    assert finished(process).code == 1
    assert listing(tmp_path / "out") == []


@pytest.mark.parametrize(("owner", "left"), [(os.getpid(), False), (os.getpid() + 1, True), ("", True)])
def test_a_run_that_ends_with_its_parent_clears_its_own_files_and_no_others(tmp_path, monkeypatch, owner, left):
    past = subprocess.Popen(["true"])
    past.wait()
    (tmp_path / PARTIAL).mkdir()
    (tmp_path / PARTIAL / OWNER).write_text(f"{owner} 1.0" if owner else "")
    ended = []
    monkeypatch.setattr(program.os, "_exit", ended.append)
    program._end_with(past.pid, tmp_path)
    assert ended == [1] and (tmp_path / PARTIAL).exists() == left


def test_a_second_signal_does_not_interrupt_the_tidying_up_after_the_first():
    before = signal.signal(signal.SIGTERM, program._terminated)
    tidied = False
    try:
        with pytest.raises(SystemExit) as ended:
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                tidied = True
    finally:
        signal.signal(signal.SIGTERM, before)
    assert tidied and ended.value.code == 128 + signal.SIGTERM
