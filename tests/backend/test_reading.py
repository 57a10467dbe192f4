"""What the user knows better than the file: kept beside the scene, checked, and obeyed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mixel.backend.protocol import Job
from mixel.backend.reading import WATER_VAPOUR, Reading, reading_path
from mixel.backend.scene import Scene
from mixel.backend.tasks.running import run
from scenes import WAVELENGTHS, mixture, stored, write

FULL = Reading(5000.0, -1.0, WAVELENGTHS, (10.0,) * 12, ((500.0, 560.0),), ("cloud",))


def opened(path, **said):
    with Scene(path, reading=Reading(**said)) as scene:
        return scene.read(scene.windows(1000)[0]), scene


def test_a_reading_survives_its_file_and_one_that_says_nothing_leaves_none(tmp_path):
    path = str(tmp_path / "scene.tif")
    assert Reading.beside(path) == Reading()
    FULL.keep_beside(path)
    assert Reading.beside(path) == FULL
    assert reading_path(path).name == "scene.tif.mixel.json"
    Reading().keep_beside(path)
    assert list(tmp_path.iterdir()) == []


def test_the_reading_of_a_folder_lies_beside_the_folder(tmp_path):
    assert reading_path(f"{tmp_path}/product/") == tmp_path / "product.mixel.json"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "one JSON object"),
        ({"colour": 1}, "no 'colour'"),
        ({"scale": "x"}, "'scale'"),
        ({"scale": 0}, "positive"),
        ({"scale": float("inf")}, "'scale'"),
        ({"nodata": True}, "'nodata'"),
        ({"wavelengths": "500"}, "list of numbers"),
        ({"wavelengths": [500, None]}, "list of numbers"),
        ({"wavelengths": [500, -1]}, "positive"),
        ({"left_out": [[1, 2, 3]]}, "two numbers"),
        ({"left_out": [[2, 1]]}, "smaller one first"),
        ({"left_out": 3}, "list of ranges"),
        ({"flags": "cloud"}, "list of names"),
        ({"flags": [1]}, "list of names"),
        ({"wavelengths": [1.0] * 30_000}, "list of numbers"),
    ],
)
def test_a_hostile_reading_is_refused_in_one_sentence(tmp_path, content, words):
    with pytest.raises(ValueError, match=words):
        Reading.from_dict(content)
    path = tmp_path / "scene.tif"
    reading_path(str(path)).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="Delete it, and set the scene up again"):
        Reading.beside(str(path))


def test_a_damaged_file_is_named(tmp_path):
    reading_path(str(tmp_path / "scene.tif")).write_bytes(b"\xff{")
    with pytest.raises(ValueError, match=r"scene.tif.mixel.json cannot be read"):
        Reading.beside(str(tmp_path / "scene.tif"))


def test_wavelengths_by_hand_take_the_place_of_the_files(tmp_path):
    path = write(tmp_path / "scene.tif", wavelengths=None)
    waves = tuple(value + 7 for value in WAVELENGTHS)
    _, scene = opened(path, wavelengths=waves, fwhm=(9.0,) * 12)
    np.testing.assert_allclose(scene.wavelengths, waves)
    assert scene.fwhm.tolist() == [9] * 12
    assert not any("names no wavelengths" in one for one in scene.notices)
    with pytest.raises(ValueError, match="3 wavelengths were given for this scene, which has 12 bands"):
        opened(path, wavelengths=(1.0, 2.0, 3.0))


def test_ranges_are_left_out_by_wavelength_or_by_number(tmp_path):
    _, scene = opened(write(tmp_path / "a.tif"), left_out=((500, 560), (1000, 2000)))
    assert scene.band_numbers.tolist() == [1, 4, 5, 6, 7, 8, 9, 10, 11]
    _, scene = opened(write(tmp_path / "b.tif", wavelengths=None), left_out=((2, 3), (12, 12)))
    assert scene.band_numbers.tolist() == [1, 4, 5, 6, 7, 8, 9, 10, 11]
    with pytest.raises(ValueError, match="usable bands"):
        opened(write(tmp_path / "c.tif"), left_out=((0, 3000),))
    assert all(low < high for low, high in WATER_VAPOUR)


def test_scale_and_nodata_by_hand_beat_the_file(tmp_path):
    values = stored() + np.int16(3)
    values[:, 3, 4] = 77
    path = write(tmp_path / "scene.tif", values, nodata=-9999)
    cube, scene = opened(path, scale=5000.0, nodata=77.0)
    assert not cube.valid[3, 4]
    np.testing.assert_allclose(cube.reflectance[:, 0, 0], values[:, 0, 0] / 5000, rtol=1e-6)
    assert scene.facts.nodata == 77 and not any("scale" in one or "nodata value" in one for one in scene.notices)


def test_a_flag_that_the_scene_has_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no quality flag 'cloud'; it has none"):
        opened(write(tmp_path / "scene.tif"), flags=("cloud",))


def test_a_job_obeys_its_reading_and_the_scale_of_the_job_wins(tmp_path):
    path = write(tmp_path / "scene.tif", stored(mixture()) + np.int16(3))
    reading = Reading(scale=20000.0, left_out=((440.0, 510.0),)).to_dict()
    done = {}
    for name, scale in (("reading", None), ("job", 10000.0)):
        job = Job("count_endmembers", "", path, str(tmp_path / name), scale=scale, reading=reading)
        run(job, lambda event: None)
        done[name] = (tmp_path / name / "report.html").read_text(encoding="utf-8")
    assert "stored value / 20000" in done["reading"] and "stored value / 10000" in done["job"]


def test_no_flags_at_all_are_kept_as_such(tmp_path):
    path = str(tmp_path / "scene.tif")
    Reading(flags=()).keep_beside(path)
    assert Reading.beside(path).flags == ()
    Reading().keep_beside(path)
    assert Reading.beside(path).flags is None and not reading_path(path).exists()
