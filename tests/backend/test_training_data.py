"""What a split tells of itself: how near training pixels are to test pixels, and when that is too near for a method."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from fields import crops, reflectance, write_scene
from mixel.backend.config import build
from mixel.backend.methods import method
from mixel.backend.methods.contract import Plan
from mixel.backend.protocol import Job, Notice
from mixel.backend.record import Run
from mixel.backend.scene import Scene
from mixel.backend.tasks import running, task
from mixel.backend.tasks.training_data import ground, section, tell
from scenes import GRID

TOO_NEAR = "have a training pixel within that"


@pytest.fixture
def areas(tmp_path):
    """A function that labels the first, second or third of every three pixels of the scene, and gives the input."""

    def made(first):
        labels = np.tile(crops(), (3, 3)).astype(np.uint8)
        labels[np.indices(labels.shape).sum(axis=0) % 3 != first] = 0
        path, shape = tmp_path / f"labels{first}.tif", {"height": labels.shape[0], "width": labels.shape[1]}
        with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", **shape, **GRID) as dataset:
            dataset.write(labels, 1)
        return {"path": str(path)}

    return made


@pytest.fixture
def job(tmp_path, areas):
    """A function that gives a job on a scene of 120 x 180 pixels, every third labelled."""
    scene = write_scene(tmp_path / "scene.tif", np.tile(reflectance(), (1, 3, 3)))

    def made(name, settings=None, test=None, **options):
        inputs = {"training": areas(0), **({"test": test} if test else {})}
        options = {"compare": False, "block": 30, **options}
        return Job("classify", name, scene, str(tmp_path / "out"), settings or {}, options, inputs, scale=1.0)

    return made


def known(job, halo):
    """The ground of a job for a method that sees so far, and the notices."""
    wanted, chosen = task(job.task), method(job.method)
    with Scene(job.scene, job.scale) as scene:
        options, settings = build(wanted.options, job.options), build(chosen.config, job.settings)
        run = Run(job, wanted, chosen, settings, options, scene, lambda event: None)
        found = ground(run, Plan(64, 64, 256, halo))
        tell(run, found)
    return found, run.notices


def nearest(found):
    """The median distance of a test pixel to a training pixel of its class, the slow way."""
    distances = []
    for row, col, value in zip(found.test.rows, found.test.cols, found.test.values, strict=True):
        mine = found.training.values == value
        distances.append(np.hypot(found.training.rows[mine] - row, found.training.cols[mine] - col).min())
    return np.median(distances)


def test_distances_are_those_to_the_pixels_trained_on(job):
    whole, _ = known(job("mim"), 5)
    limited, _ = known(job("mim", per_class=20), 5)
    assert np.array_equal(limited.split.train, whole.split.train) and len(limited.training) == 60
    assert limited.leak.median_distance == pytest.approx(nearest(limited))
    assert whole.leak.median_distance == pytest.approx(nearest(whole))
    assert limited.leak.median_distance > whole.leak.median_distance + 1
    assert limited.leak.overlapping < whole.leak.overlapping
    assert (
        "Median distance of a test pixel to a training pixel of its class",
        f"{nearest(limited):.1f} pixels",
    ) in section(limited).rows


@pytest.mark.parametrize("name", ["mim", "spectralmamba", "mambahsi", "random_forest"])
def test_by_default_no_training_pixel_lies_in_what_a_method_sees_around_a_test_pixel(job, name):
    halo = method(name).load().plan(build(method(name).config, {})).halo
    found, notices = known(job(name), halo)
    apart = np.maximum(
        abs(found.test.rows[:, None] - found.training.rows), abs(found.test.cols[:, None] - found.training.cols)
    ).min()
    assert apart > halo and found.leak.in_patch == 0
    assert not any(TOO_NEAR in one for one in notices)


def test_a_method_that_sees_farther_than_the_gap_says_so_in_the_report(job, tmp_path):
    told = []
    wide = {"square": 32, "epochs": 1, "width": 8, "states": 1}
    running.run(job("mambahsi", wide), lambda event: told.extend([event.message] if isinstance(event, Notice) else []))
    (said,) = (one for one in told if TOO_NEAR in one)
    assert "so that their accuracy may be somewhat too good" in said
    assert said in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_what_is_said_is_what_there_is(job):
    found, notices = known(job("mambahsi"), 40)
    assert found.leak.in_patch > 0.5
    (said,) = (one for one in notices if TOO_NEAR in one)
    assert said.startswith(f"The method sees 40 pixels to each side, and {100 * found.leak.in_patch:.3g} % of the test")


def test_test_areas_beside_training_pixels_are_told_of(job, areas):
    _, notices = known(job("mim", test=areas(1), split="random"), 5)
    assert any(TOO_NEAR in one for one in notices)


@pytest.mark.parametrize("split", ["random", "none"])
def test_nothing_is_said_where_it_is_known_or_nothing_is_tested(job, split):
    _, notices = known(job("mim", split=split, validation_share=0), 5)
    assert not any(TOO_NEAR in one for one in notices)
