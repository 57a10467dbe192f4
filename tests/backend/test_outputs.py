"""The output folder and its rasters: whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import pytest
import rasterio
from children import ROOT, until
from mixel.backend import output_folder, unfinished
from mixel.backend.cube import Window
from mixel.backend.labels.raster import read_raster_labels
from mixel.backend.output_folder import OutputFolder
from mixel.backend.outputs import raster_writers, required_bytes, thumbnail
from mixel.backend.protocol import INPUTS, JOB_FILE, JOURNAL, LOG_FILE, OWNER, PARTIAL, TEMPORARY
from mixel.backend.results import Classification, Unmixing
from mixel.backend.scene import Scene
from mixel.backend.tasks.labelled import grid_of
from scenes import COLS, GRID, ROWS

NAMES = {"abundances": ["Endmember 1", "Mauer & <Dach>"], "error": ["Reconstruction error"]}


def refusal(path, size=1.0):
    """The sentence with which a folder is refused."""
    with pytest.raises(ValueError) as refused:
        OutputFolder(path, size)
    assert str(path) in str(refused.value) and str(refused.value).endswith(".")
    return str(refused.value)


def listing(folder):
    return sorted(item.name for item in folder.iterdir())


@pytest.fixture
def sleeper():
    """A process that lives until the test ends."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    yield process
    process.kill()
    process.wait()


def leftover(path, signature):
    """An output folder with unfinished files of another run."""
    (path / PARTIAL).mkdir(parents=True)
    (path / PARTIAL / "abundances.tif").write_bytes(b"half")
    if signature is not None:
        (path / PARTIAL / OWNER).write_bytes(signature)
    return path


def signature(pid, later=0.0):
    return f"{pid} {psutil.Process(pid).create_time() + later:.2f}".encode("ascii")


def test_a_folder_is_made_with_its_parents_and_taken(tmp_path):
    folder = OutputFolder(tmp_path / "new Ordner" / "结果", 1.0)
    assert listing(folder.path) == [PARTIAL]
    assert listing(folder.partial) == [OWNER, TEMPORARY]
    folder.discard()
    assert listing(folder.path) == []


def test_request_and_log_of_this_very_run_may_lie_in_the_folder(tmp_path):
    for name in (JOB_FILE, LOG_FILE):
        (tmp_path / name).write_text(name)
    OutputFolder(tmp_path, 1.0).discard()
    assert [(tmp_path / name).read_text() for name in (JOB_FILE, LOG_FILE)] == [JOB_FILE, LOG_FILE]


def test_copied_layers_of_this_very_run_may_lie_in_the_folder_and_stay(tmp_path):
    (tmp_path / INPUTS).mkdir()
    (tmp_path / INPUTS / "training.gpkg").write_bytes(b"layer")
    OutputFolder(tmp_path, 1.0).discard()
    assert listing(tmp_path / INPUTS) == ["training.gpkg"]


@pytest.mark.parametrize("name", ["abundances.tif", "notes of the user.txt", ".hidden", "job.json.part"])
def test_a_folder_that_holds_files_is_refused_and_stays_as_it_is(tmp_path, name):
    (tmp_path / name).write_text("precious")
    message = refusal(tmp_path)
    assert f"already holds files ({name}); nothing was overwritten. Choose a new or empty folder." in message
    assert listing(tmp_path) == [name] and (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("below", ["", "out", "out/deeper"])
def test_a_folder_that_is_a_file_or_below_one_is_refused(tmp_path, below):
    (tmp_path / "file").write_text("precious")
    assert "cannot be written to (" in refusal(tmp_path / "file" / below)
    assert (tmp_path / "file").read_text() == "precious"


@pytest.fixture
def locked():
    """A folder without the right to write, and this process without root's way around that."""
    root = Path(tempfile.mkdtemp())
    root.chmod(0o755)
    folder = root / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield folder
    os.seteuid(user)
    shutil.rmtree(root)


@pytest.mark.parametrize("below", ["", "new"])
def test_a_read_only_folder_is_refused(locked, below):
    assert "cannot be written to (Permission denied). Choose another folder." in refusal(locked / below)


@pytest.mark.parametrize("lacking", [0.4e6, 3e9])
def test_a_disk_with_too_little_room_is_refused_before_anything_is_written(tmp_path, monkeypatch, lacking):
    free = 5e6
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(1e9, 1e9 - free, int(free)))
    message = refusal(tmp_path, free + lacking)
    assert f"has 5 MB free; the results need about {(free + lacking) / 1e6:.0f} MB. Free some space" in message
    assert listing(tmp_path) == []
    OutputFolder(tmp_path, free).discard()


def test_a_disk_that_is_full_to_the_last_byte_is_refused_and_nothing_is_left(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert "cannot be written to (No space left on device)" in refusal(tmp_path)
    assert listing(tmp_path) == []


def test_another_live_run_is_refused_and_its_files_stay(tmp_path, sleeper):
    leftover(tmp_path, signature(sleeper.pid))
    assert refusal(tmp_path).startswith("Another Mixel run is writing to")
    assert listing(tmp_path / PARTIAL) == ["abundances.tif", OWNER]


def test_a_second_run_of_this_process_is_refused_and_the_first_goes_on(tmp_path):
    first = OutputFolder(tmp_path, 1.0)
    assert refusal(tmp_path).startswith("Another Mixel run is writing to")
    assert listing(first.partial) == [OWNER, TEMPORARY]


@pytest.mark.parametrize(
    "rubbish", [None, b"", b"12", b"a b", b"1 2 3", b"\xff\xfe", b"-1 5", b"9" * 30 + b" 1", b"\0 \0"]
)
def test_leftovers_that_nobody_signed_are_cleared(tmp_path, rubbish):
    folder = OutputFolder(leftover(tmp_path, rubbish), 1.0)
    assert listing(folder.partial) == [OWNER, TEMPORARY]


def test_leftovers_of_a_killed_run_are_cleared_even_before_its_parent_notices(tmp_path, sleeper):
    leftover(tmp_path, signature(sleeper.pid))
    sleeper.kill()
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert listing(OutputFolder(tmp_path, 1.0).partial) == [OWNER, TEMPORARY]
    sleeper.wait()
    leftover(tmp_path / "later", b"%d 1.0" % sleeper.pid)
    assert listing(OutputFolder(tmp_path / "later", 1.0).partial) == [OWNER, TEMPORARY]


def test_leftovers_are_cleared_when_their_number_went_to_another_process(tmp_path, sleeper):
    leftover(tmp_path, signature(sleeper.pid, later=-86400))
    assert listing(OutputFolder(tmp_path, 1.0).partial) == [OWNER, TEMPORARY]


def test_a_run_is_still_known_when_the_clock_was_set_a_little(tmp_path, sleeper):
    leftover(tmp_path, signature(sleeper.pid, later=5))
    assert refusal(tmp_path).startswith("Another Mixel run")


def test_finished_files_move_into_place_over_the_request(tmp_path):
    (tmp_path / JOB_FILE).write_text("request")
    folder = OutputFolder(tmp_path, 1.0)
    for name in ("report.html", JOB_FILE):
        (folder.partial / name).write_text("new " + name)
    folder.keep(["report.html", JOB_FILE])
    folder.discard()
    assert listing(tmp_path) == [JOB_FILE, "report.html"]
    assert (tmp_path / JOB_FILE).read_text() == "new " + JOB_FILE


def test_either_all_files_move_into_place_or_none(tmp_path):
    (tmp_path / JOB_FILE).write_text("request")
    folder = finished(tmp_path)
    with pytest.raises(OSError):
        folder.keep(["report.html", "error.tif", "gone.tif", JOB_FILE])
    folder.discard()
    assert listing(tmp_path) == [JOB_FILE] and (tmp_path / JOB_FILE).read_text() == "request"


def finished(path, names=("report.html", "error.tif", JOB_FILE)):
    """A folder with finished files that are not yet in place."""
    folder = OutputFolder(path, 1.0)
    for name in names:
        (folder.partial / name).write_text(f"new {name}")
    return folder


class Ended(BaseException):
    """The end of the process."""


@pytest.fixture
def ends_after(monkeypatch):
    """After so many moves this process "ends": nothing of what tidies up runs any more."""
    replace, settle = os.replace, unfinished.settle

    def ready(moves):
        done = []

        def failing(source, target):
            if Path(target).parent.name != PARTIAL:
                if len(done) == moves:
                    raise Ended
                done.append(target)
            replace(source, target)

        monkeypatch.setattr(os, "replace", failing)
        monkeypatch.setattr(output_folder, "settle", lambda path: None)

    def over():
        monkeypatch.setattr(os, "replace", replace)
        monkeypatch.setattr(output_folder, "settle", settle)

    return ready, over


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_after_an_end_between_the_moves_the_set_is_complete_or_the_next_run_takes_it_away(tmp_path, ends_after, moves):
    (tmp_path / JOB_FILE).write_text("request")
    folder = finished(tmp_path)
    names = ["report.html", "error.tif", JOB_FILE]
    ready, over = ends_after
    ready(moves)
    with contextlib.suppress(Ended):
        folder.keep(names)
    over()
    (folder.partial / OWNER).write_text("1 1.00")  # that process is gone
    assert unfinished.moved(tmp_path) == (names[:moves] if moves < 3 else [])
    if moves == 3:
        assert "already holds files (error.tif)" in refusal(tmp_path)
        assert listing(tmp_path) == sorted(names)
        return
    OutputFolder(tmp_path, 1.0).discard()
    folder.discard()
    assert listing(tmp_path) == [JOB_FILE] and (tmp_path / JOB_FILE).read_text() == "request"


def test_a_signal_between_the_moves_leaves_nothing(tmp_path, monkeypatch):
    folder, replace = finished(tmp_path), os.replace

    def interrupted(source, target):
        if Path(target).name == "error.tif":
            raise SystemExit(143)
        replace(source, target)

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(SystemExit):
        folder.keep(["report.html", "error.tif", JOB_FILE])
    folder.discard()
    assert listing(tmp_path) == []


@pytest.mark.parametrize("name", ["mine.txt", "../mine.txt", "..", "/etc/hosts"])
def test_a_journal_of_somebody_else_takes_no_file_away(tmp_path, name):
    out = leftover(tmp_path / "out", None)
    for place in (out, tmp_path):
        (place / "mine.txt").write_text("precious")
    (out / PARTIAL / JOURNAL).write_text(json.dumps({name: [8, 1], "other": [1, 1]}))
    assert "already holds files (mine.txt)" in refusal(out)
    assert listing(out) == ["mine.txt"] and (tmp_path / "mine.txt").exists()


@pytest.mark.parametrize("rubbish", ["", "[]", "{", "null", '{"a": 1}', "[" * 100_000])
def test_a_journal_that_is_none_is_left_out_of_account(tmp_path, rubbish):
    (leftover(tmp_path, None) / PARTIAL / JOURNAL).write_text(rubbish)
    assert listing(OutputFolder(tmp_path, 1.0).partial) == [OWNER, TEMPORARY]


def test_finished_files_are_on_the_disk_before_the_first_is_moved(tmp_path, monkeypatch):
    folder, steps = finished(tmp_path), []
    flush, replace = unfinished.flush, os.replace
    for module in (unfinished, output_folder):
        monkeypatch.setattr(module, "flush", lambda path: steps.append(path.name) or flush(path))
    monkeypatch.setattr(os, "replace", lambda source, target: steps.append("move") or replace(source, target))
    folder.keep(["report.html", JOB_FILE])
    journal = [f"{JOURNAL}.part", "move", PARTIAL]
    assert steps == ["report.html", JOB_FILE, *journal, "move", "move", tmp_path.name]


@pytest.mark.parametrize("what", ["link", "dangling", "file"])
def test_a_link_or_a_file_in_the_place_of_the_unfinished_files_is_refused_and_stays(tmp_path, what):
    out, precious = tmp_path / "out", tmp_path / "precious"
    out.mkdir()
    precious.mkdir()
    (precious / "a.txt").write_text("precious")
    if what == "file":
        (out / PARTIAL).write_text("mine")
    else:
        (out / PARTIAL).symlink_to(precious if what == "link" else tmp_path / "nowhere")
    assert f"a link or a file takes the place of Mixel's folder {PARTIAL}. Remove it" in refusal(out)
    unfinished.settle(out)
    assert (precious / "a.txt").exists() and os.path.lexists(out / PARTIAL)


def test_temporary_files_of_the_process_lie_within_and_go(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delenv("TEMP", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    folder = OutputFolder(tmp_path / "out", 1.0)
    made = Path(tempfile.mkdtemp())
    assert made.parent == folder.partial / TEMPORARY
    child = subprocess.run([sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"], capture_output=True)
    assert child.stdout.decode().strip() == str(made.parent)
    folder.discard()
    assert not made.exists() and tempfile.gettempdir() == str(tmp_path) and "TEMP" not in os.environ


TAKING = """
import sys
from pathlib import Path
from backend.output_folder import OutputFolder
print("ready", flush=True)
sys.stdin.readline()
try:
    OutputFolder(Path(sys.argv[1]))
    print("won", flush=True)
except ValueError as error:
    print(error, flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("left", [False, True])
def test_of_runs_that_take_a_folder_at_the_same_moment_exactly_one_wins(tmp_path, left):
    out = tmp_path / "out"
    if left:
        leftover(out, b"1 1.00")
    command = [sys.executable, "-c", TAKING, str(out)]
    runs = [subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, text=True) for _ in range(4)]
    assert all(run.stdout.readline() == "ready\n" for run in runs)
    for run in runs:
        run.stdin.write("\n")
        run.stdin.flush()
    told = sorted(run.stdout.readline().strip() for run in runs)
    for run in runs:
        run.communicate("\n")
    assert told[-1] == "won" and all(one.startswith("Another Mixel run is ") for one in told[:-1]), told


def test_a_folder_that_is_held_for_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(output_folder, "PATIENCE", 0.1)
    with output_folder._alone(tmp_path):
        assert refusal(tmp_path).startswith("Another Mixel run is starting in")


def test_a_run_that_is_refused_leaves_no_folder_that_it_made_and_every_other(tmp_path):
    (tmp_path / "there").mkdir()
    for name in ("there", "new"):
        OutputFolder(tmp_path / name).leave()
    assert listing(tmp_path) == ["there"]


@pytest.mark.parametrize("psutil_is_there", [True, False])
def test_processes_are_known_by_their_start_with_and_without_psutil(monkeypatch, sleeper, psutil_is_there):
    born = psutil.Process(sleeper.pid).create_time()
    if not psutil_is_there:
        monkeypatch.setitem(sys.modules, "psutil", None)
    assert unfinished.started(sleeper.pid) == pytest.approx(born, abs=2)
    sleeper.kill()
    assert until(lambda: unfinished.started(sleeper.pid) is None), "a zombie has ended"
    assert unfinished.started(sleeper.pid) is None
    sleeper.wait()
    assert [unfinished.started(one) for one in (sleeper.pid, 0, -5, 10**30)] == [None] * 4


@pytest.fixture
def scene(write_scene):
    with Scene(write_scene()) as opened:
        yield opened


@pytest.fixture
def results():
    """Abundances and errors of the whole scene, two pixels without data."""
    random = np.random.default_rng(0)
    abundances = random.uniform(0, 1, (2, ROWS, COLS)).astype(np.float32)
    error = random.uniform(0, 1, (ROWS, COLS)).astype(np.float32)
    abundances[:, 3, 4:6], error[3, 4:6] = np.nan, np.nan
    return {"abundances": abundances, "error": error}


def write_all(folder, scene, results, size=5):
    with raster_writers(folder, Unmixing, scene, NAMES) as writers:
        for window in scene.windows(size):
            rows, cols = slice(window.row, window.row + window.rows), slice(window.col, window.col + window.cols)
            for name, writer in writers.items():
                writer.write(window, results[name][..., rows, cols])


def test_every_field_of_a_result_becomes_a_raster_on_the_scenes_grid(tmp_path, scene, results):
    write_all(tmp_path, scene, results)
    for name, unit in (("abundances", "fraction"), ("error", "reflectance RMSE")):
        with rasterio.open(tmp_path / f"{name}.tif") as dataset:
            assert (dataset.crs, dataset.transform) == (rasterio.CRS.from_epsg(32633), GRID["transform"])
            assert (dataset.height, dataset.width, dataset.count) == (ROWS, COLS, len(NAMES[name]))
            assert set(dataset.dtypes) == {"float32"} and np.isnan(dataset.nodatavals).all()
            assert list(dataset.descriptions) == NAMES[name]
            assert dataset.tags()["unit"] == unit and dataset.tags()["software"] == "Mixel"
            np.testing.assert_array_equal(dataset.read(), np.atleast_3d(results[name].T).T)


def test_the_space_a_run_asks_for_suffices_for_values_that_do_not_compress(tmp_path, scene, results):
    write_all(tmp_path, scene, results)
    taken = sum(path.stat().st_size for path in tmp_path.glob("*.tif") if path.name != "scene.tif")
    assert 4 * 3 * ROWS * COLS < taken <= required_bytes(scene, 3)


@pytest.mark.parametrize("room", [0, 300, 1000, 2500])
def test_a_disk_that_fills_up_while_results_are_written_is_a_sentence(tmp_path, scene, results, small_files, room):
    (tmp_path / "partial").mkdir()
    with (
        small_files(room),
        pytest.raises(ValueError, match=f"The results cannot be written to {tmp_path} .*Is the disk full\\? Nothing"),
    ):
        write_all(tmp_path / "partial", scene, results)


def test_a_raster_that_does_not_read_back_whole_is_not_delivered(tmp_path, scene, results):
    class Failing:
        """A disk that loses the end of a file without a word."""

        def __init__(self, dataset):
            self.dataset = dataset

        def __getattr__(self, name):
            return getattr(self.dataset, name)

        def close(self):
            self.dataset.close()
            os.truncate(self.dataset.name, os.path.getsize(self.dataset.name) - 400)

    with (
        pytest.raises(ValueError, match="The results cannot be written"),
        raster_writers(tmp_path, Unmixing, scene, NAMES) as writers,
    ):
        for name, writer in writers.items():
            writer.write(Window(0, 0, ROWS, COLS), results[name])
        writers["abundances"].dataset = Failing(writers["abundances"].dataset)


def test_an_error_of_the_method_passes_through_and_the_files_are_closed(tmp_path, scene):
    with (
        pytest.raises(ZeroDivisionError),
        raster_writers(tmp_path, Unmixing, scene, NAMES) as writers,
    ):
        1 / 0
    assert all(writer.dataset.closed for writer in writers.values())


def test_a_writer_knows_its_layer(tmp_path, scene, results):
    with raster_writers(tmp_path, Unmixing, scene, NAMES) as writers:
        found = {name: (writer.layer.name, writer.layer.file) for name, writer in writers.items()}
        for name, writer in writers.items():
            writer.write(Window(0, 0, ROWS, COLS), results[name])
    assert found == {"abundances": ("abundances", "abundances.tif"), "error": ("error", "error.tif")}


CLASSES, COLOURS = ["not classified", "Dach & <Ziegel>", "水"], ["", "#a0b1c2", "#0000ff"]


def write_classes(folder, scene, names, colours, values=None):
    """The class map of a scene as tasks write it: names before the first window."""
    values = np.arange(ROWS * COLS, dtype=np.int16).reshape(ROWS, COLS) % len(names) if values is None else values
    with raster_writers(folder, Classification, scene, {"classes": ["Classes"]}) as writers:
        writers["classes"].name_values(names, colours)
        for window in scene.windows(5):
            rows, cols = slice(window.row, window.row + window.rows), slice(window.col, window.col + window.cols)
            writers["classes"].write(window, values[rows, cols])
    return values


def test_a_class_map_holds_the_names_and_colours_of_its_classes(tmp_path, scene):
    values = write_classes(tmp_path, scene, CLASSES, COLOURS)
    with rasterio.open(tmp_path / "classes.tif") as dataset:
        assert dataset.dtypes == ("uint8",) and dataset.nodata == 0
        assert (dataset.crs, dataset.transform) == (rasterio.CRS.from_epsg(32633), GRID["transform"])
        assert dataset.descriptions == ("Classes",) and dataset.tags()["unit"] == "class"
        np.testing.assert_array_equal(dataset.read(1), values)
        table, tags = dataset.colormap(1), dataset.tags(1)
    assert [tags[f"category_{value}"] for value in range(3)] == CLASSES
    assert {key: text for key, text in tags.items() if key.startswith("colour_")} == {
        "colour_1": "#a0b1c2",
        "colour_2": "#0000ff",
    }
    assert table[1] == (0xA0, 0xB1, 0xC2, 255) and table[2] == (0, 0, 255, 255)


def test_a_class_map_can_be_trained_on_with_its_names_and_colours(tmp_path, scene):
    write_classes(tmp_path, scene, CLASSES, COLOURS)
    classes = read_raster_labels(tmp_path / "classes.tif", grid_of(scene)).classes
    assert [one.name for one in classes] == CLASSES[1:] and [one.colour for one in classes] == COLOURS[1:]


@pytest.mark.parametrize(("number", "dtype"), [(255, "uint8"), (256, "int16"), (300, "int16")])
def test_more_classes_than_a_byte_holds_are_kept_without_a_colour_table(tmp_path, scene, number, dtype):
    names = ["none", *(f"class {value}" for value in range(1, number + 1))]
    values = np.full((ROWS, COLS), number, np.int16)
    write_classes(tmp_path, scene, names, ["", *["#123456"] * number], values)
    with rasterio.open(tmp_path / "classes.tif") as dataset:
        assert dataset.dtypes == (dtype,)
        np.testing.assert_array_equal(dataset.read(1), values)
        assert dataset.tags(1)[f"category_{number}"] == f"class {number}"
        assert dataset.tags(1)[f"colour_{number}"] == "#123456"
        if dtype == "uint8":
            assert dataset.colormap(1)[number] == (0x12, 0x34, 0x56, 255)


def test_names_without_colours_leave_the_raster_as_it_is(tmp_path, scene):
    write_classes(tmp_path, scene, CLASSES, [])
    with rasterio.open(tmp_path / "classes.tif") as dataset:
        assert dataset.dtypes == ("int16",) and "colour_1" not in dataset.tags(1)
        assert dataset.tags(1)["category_2"] == CLASSES[2]


def test_a_class_map_whose_disk_is_full_is_a_sentence(tmp_path, scene, small_files):
    (tmp_path / "partial").mkdir()
    with small_files(200), pytest.raises(ValueError, match="Is the disk full"):
        write_classes(tmp_path / "partial", scene, CLASSES, COLOURS)


def test_a_renamed_raster_is_closed_after_an_error(tmp_path, scene):
    with (
        pytest.raises(ZeroDivisionError),
        raster_writers(tmp_path, Classification, scene, {"classes": ["Classes"]}) as writers,
    ):
        writers["classes"].name_values(CLASSES, COLOURS)
        1 / 0
    assert writers["classes"].dataset.closed


@pytest.mark.parametrize(
    ("shape", "longest", "expected"),
    [((11, 17), 360, (11, 17)), ((40, 100), 50, (20, 50)), ((100, 3), 10, (10, 1)), ((2, 999), 30, (1, 30))],
)
def test_a_thumbnail_keeps_the_shape_within_its_bound(tmp_path, shape, longest, expected):
    path = tmp_path / "raster.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=shape[0], width=shape[1], count=2, dtype="float32", nodata=np.nan, **GRID
    ) as dataset:
        dataset.write(np.full((2, *shape), 0.25, np.float32))
    found = thumbnail(path, longest)
    assert found.shape == (2, *expected)
    np.testing.assert_allclose(found, 0.25)


def test_a_thumbnail_shows_the_one_pixel_that_has_data(tmp_path):
    values = np.full((1, 40, 900), np.nan, np.float32)
    values[0, 7, 501] = 0.25
    path = tmp_path / "raster.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=40, width=900, count=1, dtype="float32", nodata=np.nan, **GRID
    ) as dataset:
        dataset.write(values)
    found = thumbnail(path, 100)
    assert found[np.isfinite(found)].tolist() == [0.25]


def test_what_may_lie_in_a_folder_before_a_run_is_named_in_one_place():
    assert {JOB_FILE, LOG_FILE, INPUTS} == output_folder.KEPT
