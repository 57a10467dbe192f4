"""Cancel in every stage of a run: everything has ended within two seconds, and nothing is left."""

from __future__ import annotations

import re
import sys
import time

import psutil
import pytest
from fields import FAST, write_areas, write_scene
from mixel.backend.protocol import JOB_FILE, LOG_FILE, Job, Progress
from mixel.plugin.process import Cancelled, run
from scenes import QUICK, write

PROMISE = 2.0


def unmix(folder):
    return Job("unmix", "unmamba", write(folder / "scene.tif"), str(folder / "out"), settings=QUICK)


def classify(folder):
    areas = write_areas(folder / "areas.gpkg")
    scene = write_scene(folder / "scene.tif")
    return Job("classify", "random_forest", scene, str(folder / "out"), FAST["random_forest"], {}, {"training": areas})


def stage(event):
    """What a stage is called, without the numbers in it; "" for what is no progress."""
    return re.sub(r"[\d.,]+", "#", event.message) if isinstance(event, Progress) else ""


def stages(job, path):
    """The stages that a whole run goes through."""
    return list(dict.fromkeys(stage(event) for event in run(sys.executable, path, lambda: False) if stage(event)))


@pytest.mark.parametrize("made", [unmix, classify])
def test_cancel_ends_every_stage_within_two_seconds(tmp_path, made):
    (tmp_path / "out").mkdir()
    job, path = made(tmp_path), tmp_path / "out" / JOB_FILE
    job.write(path)
    names = stages(job, path)
    assert len(names) > 2
    for name in names:
        _cancelled_at(name, job, tmp_path / f"{names.index(name)}")


def _cancelled_at(name, job, folder):
    folder.mkdir()
    path, pressed, before = folder / JOB_FILE, [], set(psutil.Process().children(recursive=True))
    Job(**{**vars(job), "output": str(folder)}).write(path)
    with pytest.raises(Cancelled):
        for event in run(sys.executable, path, lambda: bool(pressed)):
            if stage(event) == name and not pressed:
                pressed.append(time.monotonic())
    assert time.monotonic() - pressed[0] < PROMISE, name
    assert set(psutil.Process().children(recursive=True)) <= before, name
    assert {item.name for item in folder.iterdir()} <= {JOB_FILE, LOG_FILE}, name
