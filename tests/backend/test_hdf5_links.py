"""HDF5 files whose groups contain themselves are refused at once; values in other files are told."""

from __future__ import annotations

import os
import time

import h5py
import numpy as np
import pytest
from hdf5_files import cube, emit, neon, pace
from mixel.backend.description import describe
from mixel.backend.hdf5_links import MOST, check_hdf5_links


def own(file):
    file["navigation_data/longitude"] = h5py.SoftLink("/navigation_data")


def root(file):
    file["navigation_data/up"] = h5py.SoftLink("/")


def two(file):
    file["navigation_data/other"] = h5py.SoftLink("/geophysical_data")
    file["geophysical_data/other"] = h5py.SoftLink("/navigation_data")


def hard(file):
    file["navigation_data/again"] = file["navigation_data"]


@pytest.mark.parametrize("change", [own, root, two, hard])
def test_groups_that_contain_themselves_are_refused_at_once(tmp_path, change):
    path = pace(tmp_path / "PACE_OCI.nc", (cube() * 20000).astype(np.int16))
    with h5py.File(path, "r+") as file:
        if change is own:
            del file["navigation_data/longitude"]
        change(file)
    began = time.monotonic()
    told = describe(str(path))
    assert time.monotonic() - began < 10
    assert "The groups of PACE_OCI.nc lead in a circle" in told.refusal and told.refusal.endswith("another one.")


def test_groups_without_end_are_refused(tmp_path):
    with h5py.File(tmp_path / "deep.h5", "w") as file:
        file.create_group("/".join(["a"] * 100))
    with pytest.raises(ValueError, match="lead in a circle"):
        check_hdf5_links(tmp_path / "deep.h5")


def test_links_without_number_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("mixel.backend.hdf5_links.MOST", 5)
    with h5py.File(tmp_path / "wide.h5", "w") as file:
        for name in "abcdef":
            file[name] = 1
    with pytest.raises(ValueError, match="holds more than 5 groups"):
        check_hdf5_links(tmp_path / "wide.h5")
    assert MOST > 10_000


def test_links_to_data_and_to_groups_aside_are_no_circle(tmp_path):
    path = emit(tmp_path, cube())
    with h5py.File(path, "r+") as file:
        file["same"] = h5py.SoftLink("/reflectance")
        file["aside"] = h5py.SoftLink("/location")
        file["aside too"] = file["location"]
        file["nowhere"] = h5py.SoftLink("/absent")
    assert check_hdf5_links(path) == []
    assert not describe(str(path)).refusal


@pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
def test_values_in_other_files_are_told(tmp_path, kind):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["a"] = np.zeros(4)
    path = neon(tmp_path / "scene.h5", (cube() * 10000).astype(np.int16))
    with h5py.File(path, "r+") as file:
        if kind == "link":
            file["a"] = h5py.ExternalLink("secret.h5", "/a")
        elif kind == "storage":
            file.create_dataset("a", (4,), "f8", external=[("secret.h5", 0, 32)])
        else:
            layout = h5py.VirtualLayout((4,), "f8")
            layout[:] = h5py.VirtualSource("secret.h5", "a", (4,))
            file.create_virtual_dataset("a", layout)
    (told,) = check_hdf5_links(path)
    assert told.endswith("secret.h5.") and told.startswith("scene.h5 takes values from other files: ")
    assert told in describe(str(path)).notices


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" + os.urandom(500)])
def test_other_and_damaged_files_pass(tmp_path, content):
    (tmp_path / "a.h5").write_bytes(content)
    assert [check_hdf5_links(tmp_path / one) for one in ("a.h5", "absent", ".")] == [[]] * 3
