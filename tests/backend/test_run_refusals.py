"""Scenes and jobs that a run refuses in one sentence, with nothing left, and odd scenes that it takes."""

from __future__ import annotations

import gzip
import os
import shutil

import numpy as np
import pytest
import rasterio
from mixel.backend.protocol import JOB_FILE, LOG_FILE, OWNER, PARTIAL, Done, Failed, Metric, Notice, Output, Progress
from mixel.backend.tasks import running
from runs import FILES, NODATA, job, listing, quick, values_of
from scenes import COLS, ROWS, WAVELENGTHS, mixture, stored

pytestmark = pytest.mark.usefixtures("compiled")


def with_pixels(valid):
    """A scene with so many valid pixels."""
    values = np.full((40, ROWS, COLS), NODATA, np.int16)
    rows, cols = np.unravel_index(np.arange(valid) * 7, (ROWS, COLS))
    values[:, rows, cols] = stored(mixture(40, 1, valid))[:, 0]
    return values


SCENES = {
    "three bands": (stored(mixture(bands=3)), {}, "has 3 usable bands; Mixel needs at least 4"),
    "nine bands": (stored(mixture(bands=9)), {}, "needs at least 10 usable bands; the scene has 9"),
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
    assert "was changed while it was being read; run again once the file no longer changes." in message
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
