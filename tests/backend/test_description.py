"""``python -m backend --facts PATH``: what the panel shows of a scene, quickly and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from children import ROOT
from dlr_files import l2a, marked
from mixel.backend.facts import Facts, Flag
from mixel.backend.protocol import Described, Failed, decode
from mixel.backend.reading import Reading, reading_path
from scenes import WAVELENGTHS, mixture, stored, write


def asked(path, *more):
    command = [sys.executable, "-X", "importtime", "-m", "backend", "--facts", str(path), *map(str, more)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    (line,) = found.stdout.splitlines()
    return decode(line), found


def test_the_answer_holds_the_facts_and_the_notices_of_a_run(tmp_path):
    answer, found = asked(write(tmp_path / "scene.tif"))
    assert found.returncode == 0 and isinstance(answer, Described) and answer.refusal == ""
    facts = Facts.from_dict(answer.facts)
    assert (facts.bands, facts.rows, facts.cols, facts.wavelengths) == (12, 11, 17, WAVELENGTHS)
    assert any("judging by the values" in one for one in answer.notices)


def test_torch_and_numba_are_not_loaded_for_an_answer(tmp_path):
    _, found = asked(write(tmp_path / "scene.tif"))
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in found.stderr.splitlines()}
    assert "rasterio" in loaded and not loaded & {"torch", "numba", "scipy", "sklearn", "matplotlib"}


def test_a_scene_that_is_refused_has_facts_and_the_reason(tmp_path):
    answer, found = asked(write(tmp_path / "few.tif", stored(mixture(bands=3))))
    assert found.returncode == 0
    assert "has 3 usable bands" in answer.refusal and Facts.from_dict(answer.facts).bands == 3


@pytest.mark.parametrize("name", ["absent.tif", "text.tif"])
def test_what_is_no_scene_is_refused_without_facts(tmp_path, name):
    (tmp_path / "text.tif").write_text("no raster")
    answer, _ = asked(tmp_path / name)
    assert answer.facts == {} and "cannot be opened" in answer.refusal


def test_a_reading_beside_the_scene_counts_and_a_damaged_one_is_told(tmp_path):
    path = write(tmp_path / "scene.tif")
    Reading(left_out=((0.0, 520.0),), scale=1e4).keep_beside(path)
    answer, _ = asked(path)
    assert Facts.from_dict(answer.facts).num_good_bands == 10
    assert not any("judging by the values" in one for one in answer.notices)
    reading_path(path).write_text("{")
    answer, found = asked(path)
    assert isinstance(answer, Failed) and found.returncode == 1 and "set the scene up again" in answer.message


def test_a_reading_given_takes_the_place_of_the_one_beside_the_scene(tmp_path):
    path, given = write(tmp_path / "scene.tif"), tmp_path / "given.json"
    Reading(left_out=((0.0, 520.0),)).keep_beside(path)
    given.write_text(json.dumps(Reading(scale=5e3, wavelengths=tuple(range(401, 413))).to_dict()))
    facts = Facts.from_dict(asked(path, "--reading", given)[0].facts)
    assert facts.num_good_bands == 12 and facts.wavelengths[0] == 401 and facts.scale == 5e3
    given.write_text('{"wavelengths": [1, 2, 3]}')
    answer, _ = asked(path, "--reading", given)
    assert "3 wavelengths were given" in answer.refusal and answer.facts["bands"] == 12


def test_facts_survive_the_wire_and_nonsense_does_not():
    answer = Facts(4, 8, 9, "int16", True, flags=(), notes=("Said.",))
    assert Facts.from_dict(json.loads(json.dumps(vars(answer)))) == answer
    for nonsense in ([], {}, {"bands": 1}, {**vars(answer), "flags": [1]}, {**vars(answer), "wavelengths": ["x"]}):
        with pytest.raises(ValueError, match="no facts"):
            Facts.from_dict(nonsense)


def test_a_cube_larger_than_memory_is_described_at_once(tmp_path):
    shape = '<VRTDataset rasterXSize="200000" rasterYSize="200000">'
    write(tmp_path / "part.tif", np.tile(stored() + np.int16(5), (1, 6, 4)))
    band = (
        '<VRTRasterBand dataType="Int16" band="{0}"><SimpleSource><SourceFilename relativeToVRT="1">part.tif'
        "</SourceFilename><SourceBand>{0}</SourceBand>"
        '<SrcRect xOff="0" yOff="0" xSize="68" ySize="66"/><DstRect xOff="0" yOff="0" xSize="200000" ySize="200000"/>'
        "</SimpleSource></VRTRasterBand>"
    )
    path = tmp_path / "huge.vrt"
    path.write_text(shape + "".join(band.format(number) for number in range(1, 13)) + "</VRTDataset>")
    answer, _ = asked(path)
    assert answer.facts["rows"] == 200000 and answer.refusal == ""


def test_an_archive_that_is_no_product_is_to_be_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(write(tmp_path / "scene.tif"), "scene.tif")
    answer, _ = asked(tmp_path / "a.zip")
    assert "Unpack it" in answer.refusal and answer.facts == {}


def test_flags_come_with_the_share_of_pixels_that_each_marks(tmp_path):
    marks = {"CLOUD": marked((2, 3), (2, 4)), "SNOW": marked()}
    path, _ = l2a(tmp_path, marks=marks)
    answer, _ = asked(path)
    facts = Facts.from_dict(answer.facts)
    shares = {flag.name: flag.share for flag in facts.flags}
    assert shares["cloud"] == pytest.approx(2 / (facts.rows * facts.cols)) and shares["snow"] == 0


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "Clouds"), (0.0, "Clouds (0.0 %)"), (0.0003, "Clouds (below 0.1 %)"), (0.031, "Clouds (3.1 %)")],
)
def test_the_text_of_a_flag_tells_its_share(share, text):
    assert Flag("cloud", "Clouds", True, share).text == text
