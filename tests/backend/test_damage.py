"""Errors of libraries about damaged files become sentences; ours, and those that are no fault of a file, stay."""

from __future__ import annotations

import struct

import h5py
import numpy as np
import pytest
import rasterio.errors
from mixel.backend.damage import damage_told
from mixel.backend.description import describe
from mixel.backend.products import open_product
from mixel.backend.scene import Scene
from mixel.backend.sentence import LONGEST, short
from rasterio._err import CPLE_AppDefinedError
from scenes import write


@pytest.mark.parametrize(
    "error",
    [
        CPLE_AppDefinedError(1, 1, "TIFFReadDirectory:Failed to read directory at offset 8978432"),
        rasterio.errors.RasterioIOError("Read failed"),
        RuntimeError("address of object past end of allocation"),
        KeyError("wavelength"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ValueError("could not convert string to float: 'x'"),
        np.linalg.LinAlgError("Singular matrix"),
        ZeroDivisionError("division by zero"),
        struct.error("unpack requires a buffer of 4 bytes"),
        OSError("Can't read data\n(file read failed)"),
        ValueError("x" * 5000),
    ],
)
def test_an_error_of_a_library_names_the_file_and_says_what_to_do(error):
    with pytest.raises(ValueError) as told, damage_told("/far/away/scene.tif"):
        raise error
    assert told.value.__cause__ is error
    text = short(str(told.value))
    assert text.startswith("scene.tif cannot be read: it is damaged") and len(text) <= LONGEST
    assert text.endswith("). Get the file anew or choose another one.") and "\n" not in text


@pytest.mark.parametrize(
    "error", [ValueError("The scene is upside down. Turn it."), MemoryError(), AttributeError("x")]
)
def test_sentences_of_ours_and_errors_that_are_no_fault_of_a_file_pass(error):
    with pytest.raises(type(error)) as passed, damage_told("scene.tif"):
        raise error
    assert passed.value is error


def damaged_chunks(path):
    """A cube whose chunks are compressed and spoilt."""
    with h5py.File(path, "w") as file:
        values = np.random.default_rng(0).uniform(0.1, 0.9, (12, 20, 20)).astype("f4")
        cube = file.create_dataset("reflectance", data=values, chunks=(12, 20, 20), compression="gzip")
        file["wavelength"] = np.linspace(450, 2400, 12)
        place = cube.id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    path.write_bytes(content)
    return path


def test_a_scene_whose_values_cannot_be_unpacked_is_refused_by_a_sentence(tmp_path):
    told = describe(str(damaged_chunks(tmp_path / "cube.h5")))
    assert "cube.h5" in told.refusal and told.refusal.endswith(".")


@pytest.mark.parametrize("where", ["recognise", "open"])
def test_an_error_anywhere_in_opening_is_a_sentence(tmp_path, monkeypatch, where):
    path = write(tmp_path / "scene.tif")
    from mixel.backend import scene
    from mixel.backend.products import raster

    def fail(*arguments, **options):
        raise KeyError("band 7")

    monkeypatch.setattr(*((raster, "recognise", fail) if where == "recognise" else (scene, "Interpretation", fail)))
    if where == "recognise":
        with pytest.raises(ValueError, match=r"scene.tif cannot be read: it is damaged.*KeyError"):
            open_product(path)
        return
    with pytest.raises(ValueError, match=r"scene.tif cannot be read: it is damaged.*KeyError"):
        Scene(path)
