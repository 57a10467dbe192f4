"""Sentences for people, and output folders."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from mixel.backend.facts import Facts, Flag
from mixel.backend.protocol import OWNER, PARTIAL, Job, Progress
from mixel.backend.reading import Reading
from mixel.backend.unfinished import started, write_journal
from mixel.plugin.folders import forget_run, fresh_folder, usable_folder
from mixel.plugin.words import describe, details, in_progress, milestone, percent, size, time_left


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""),
        (0, "a few seconds left"),
        (9, "about 10 seconds left"),
        (44, "about 40 seconds left"),
        (50, "about a minute left"),
        (170, "about 3 minutes left"),
        (3590, "about an hour left"),
        (9000, "about 2 hours left"),
    ],
)
def test_time_left(seconds, said):
    assert time_left(seconds) == said


def test_progress_with_and_without_time():
    assert in_progress(Progress(0.5, "Training", None)) == "Training"
    assert in_progress(Progress(0.5, "Training", 60)) == "Training · about a minute left"


@pytest.mark.parametrize("fraction", [1.0, 0.9 + (1 - 0.9), 1 - 1e-12])
def test_at_the_end_nothing_is_left(fraction):
    assert in_progress(Progress(fraction, "Unmixing window 1 of 1", 0.0)) == "Unmixing window 1 of 1"


def test_only_the_end_is_100_percent():
    done = [percent(Progress(fraction, "")) for fraction in (0, 0.29, 0.996, 1)]
    assert done == [0, 29, 99, 100]


def test_counting_on_is_no_milestone():
    assert milestone(Progress(0.101, "Step 1 of 9")) == milestone(Progress(0.109, "Step 8 of 9"))
    assert milestone(Progress(0.101, "Step 1 of 9")) != milestone(Progress(0.101, "Window 1 of 9"))
    assert milestone(Progress(0.101, "Step 1 of 9")) != milestone(Progress(0.111, "Step 2 of 9"))


@pytest.mark.parametrize(("num", "said"), [(0, "0 kB"), (4e6, "4 MB"), (1.24e9, "1.2 GB")])
def test_sizes(num, said):
    assert size(num) == said


def test_a_scene_in_one_line():
    facts = Facts(12, 9, 14, "int16", True, nodata=0, scale=10000, wavelengths=tuple(range(400, 412)))
    assert describe(facts) == "9 × 14 pixels, 12 bands, 400–411 nm, nodata\u00a00, reflectance\u00a0×\u00a010000"
    assert describe(Facts(12, 9, 14, "int16", False)) == "9 × 14 pixels, 12 bands"


def test_a_new_folder_is_usable_and_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert usable_folder("a/b c/ä") == tmp_path / "a" / "b c" / "ä"


def test_a_folder_with_a_run_is_not(tmp_path):
    (tmp_path / "job.json").write_text("")
    with pytest.raises(ValueError, match="already holds a run"):
        usable_folder(str(tmp_path))


def died(folder, owner="1 1.00", request=True):
    """A folder in which QGIS and the backend died together, in the midst of moving results into place."""
    partial = folder / PARTIAL
    (folder / "inputs").mkdir(parents=True)
    (folder / "inputs" / "training.gpkg").write_text("")
    partial.mkdir()
    (partial / OWNER).write_text(owner)
    (partial / "half.tif").write_text("half")
    for name in ("report.html", "error.tif"):
        (partial / name).write_text(name)
    write_journal(partial, ["report.html", "error.tif"])
    (partial / "report.html").rename(folder / "report.html")
    if request:
        Job("unmix", "unmamba", "scene.tif", str(folder)).write(folder / "job.json")
        (folder / "log.txt").write_text("")
    return folder


def test_the_folder_of_a_run_that_died_with_qgis_is_usable_again(tmp_path):
    assert usable_folder(str(died(tmp_path / "a"))) == tmp_path / "a"
    assert (tmp_path / "a" / "report.html").exists(), "looking at a folder changes nothing in it"
    (tmp_path / "a" / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="already holds"):
        usable_folder(str(tmp_path / "a"))


def test_the_folder_of_a_live_run_is_not_usable(tmp_path):
    with pytest.raises(ValueError, match="A Mixel run is writing to"):
        usable_folder(str(died(tmp_path / "a", f"{os.getpid()} {started(os.getpid()):.2f}")))


def test_a_request_that_was_being_written_when_everything_ended_is_no_hindrance(tmp_path):
    (tmp_path / "job.json.part").write_text("{")
    assert usable_folder(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("what", ["file", "link"])
def test_a_link_or_a_file_in_the_place_of_the_unfinished_files_is_told(tmp_path, what):
    if what == "file":
        (tmp_path / PARTIAL).write_text("")
    else:
        (tmp_path / PARTIAL).symlink_to(tmp_path)
    with pytest.raises(ValueError, match="a link or a file takes the place"):
        usable_folder(str(tmp_path))


def test_a_run_that_was_just_complete_when_it_was_cancelled_keeps_its_results(tmp_path):
    Job("unmix", "unmamba", "scene.tif", str(tmp_path), record={"seconds": 1}).write(tmp_path / "job.json")
    forget_run(tmp_path)
    assert (tmp_path / "job.json").exists()


@pytest.mark.parametrize("name", ["log.txt", "photo.jpg"])
def test_a_folder_with_the_users_files_is_not(tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"already holds files \\({name}\\)"):
        usable_folder(str(tmp_path))


def test_a_run_that_failed_can_be_tried_again_in_its_folder(tmp_path):
    job = Job("unmix", "unmamba", "scene.tif", str(tmp_path))
    job.write(tmp_path / "job.json")
    (tmp_path / "log.txt").write_text("")
    assert usable_folder(str(tmp_path)) == tmp_path
    replace(job, record={"seconds": 1}).write(tmp_path / "job.json")
    with pytest.raises(ValueError, match="already holds a run"):
        usable_folder(str(tmp_path))


@pytest.mark.parametrize("text", ["file", "file/below/it"])
def test_a_file_is_no_folder(tmp_path, text):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        usable_folder(str(tmp_path / text))


def test_no_folder_at_all():
    with pytest.raises(ValueError, match="Choose an output folder"):
        usable_folder("")


def test_a_folder_one_may_not_write_to(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ValueError, match="may not write"):
        usable_folder(str(tmp_path / "out"))


def test_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e6))
    with pytest.raises(ValueError, match="is full"):
        usable_folder(str(tmp_path / "out"))


def test_a_fresh_folder_is_beside_the_scene_or_in_the_documents(tmp_path, monkeypatch):
    assert fresh_folder(str(tmp_path / "a.tif"), "/documents") == tmp_path / "a_unmixed"
    (tmp_path / "a_unmixed").mkdir()
    assert fresh_folder(str(tmp_path / "a.tif"), "/documents").name == "a_unmixed_2"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert str(fresh_folder(str(tmp_path / "a.tif"), "/documents")) == os.path.join("/documents", "a_unmixed")


def test_a_forgotten_run_leaves_other_files(tmp_path):
    for folder, other in (("empty", False), ("full", True)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "job.json").write_text("")
        if other:
            (tmp_path / folder / "mine").write_text("")
        forget_run(tmp_path / folder)
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_a_forgotten_run_takes_its_copied_layers_along_and_nothing_else(tmp_path):
    for folder, other in (("empty", False), ("full", True)):
        (tmp_path / folder / "inputs").mkdir(parents=True)
        for name in ("training.gpkg", "training.gpkg-wal", *(["mine.shp"] if other else [])):
            (tmp_path / folder / "inputs" / name).write_text("")
        forget_run(tmp_path / folder)
    assert not (tmp_path / "empty").exists()
    assert [path.name for path in (tmp_path / "full" / "inputs").iterdir()] == ["mine.shp"]


def test_details_of_a_product_in_plain_words():
    flags = (Flag("cloud", "Cloud", True), Flag("snow", "Snow", False))
    facts = Facts(224, 9, 9, "int16", True, product="EnMAP L1C", quantity="radiance", unit="W/m2/sr/nm", flags=flags)
    facts = replace(facts, date="2022-07-24T10:45:26Z", place="gcps")
    assert details(facts, Reading()) == [
        ("Product", "EnMAP L1C"),
        ("Values", "radiance, W/m2/sr/nm"),
        ("Taken", "2022-07-24 10:45"),
        ("Place", "by coordinates of single pixels (control points)"),
        ("Left out", "cloud"),
    ]
    assert details(facts, Reading(flags=("snow",)))[-1] == ("Left out", "snow")
    assert details(facts, Reading(flags=()))[-1] == ("Left out", "no pixels by quality flags")


@pytest.mark.parametrize(("date", "shown"), [("2022-07-24", "2022-07-24"), ("24 July 2022", "24 July 2022")])
def test_dates_as_they_are_known(date, shown):
    assert ("Taken", shown) in details(Facts(4, 9, 9, "int16", True, date=date), Reading())


def test_a_plain_raster_has_only_a_place():
    assert details(Facts(4, 9, 9, "int16", True), Reading()) == [("Place", "map grid")]


def test_bands_in_use_are_counted_and_no_nodata_is_no_number():
    facts = Facts(3, 9, 9, "int16", True, nodata=float("nan"), good_bands=(True, False, True))
    assert describe(facts) == "9 × 9 pixels, 2 of 3 bands"
