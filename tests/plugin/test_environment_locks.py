"""The lock files are complete: every pin with its hashes, every package that the backend needs, for every Python."""

from __future__ import annotations

import re

import pytest
from mixel.backend.packages import PACKAGES, WINDOWS_CUDA, WISHES
from mixel.plugin.environment import pip_calls, places
from packaging.requirements import Requirement

LOCKS = sorted(places.LOCKS.glob("*.txt"))
UNHASHED = {"linux-x86_64-cpu", "linux-x86_64-cu126", "windows-cuda"}
"""Whose build of torch is not on the package index."""
every_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)


def test_there_is_a_lock_file_for_every_platform():
    names = [path.stem for path in LOCKS]
    linux = ["linux-x86_64-cpu", "linux-x86_64-cu126", "linux-x86_64-cu130"]
    assert names == [*linux, "macos-arm64", "windows-cpu", "windows-cuda"]


@every_lock
@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_package_is_pinned_once_for_each_python(lock, version):
    needs = [Requirement(pin.requirement) for pin in pip_calls.pins(lock)]
    needs = [need for need in needs if not need.marker or need.marker.evaluate({"python_version": version})]
    names = [need.name for need in needs]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"==[\w.]+", str(need.specifier)) for need in needs)
    assert set(PACKAGES) | {"sympy", "networkx", "fsspec", "filelock", "typing-extensions"} <= set(names)
    for need in needs:
        assert next(iter(need.specifier)).version in Requirement(f"x{WISHES.get(need.name, '')}").specifier


@every_lock
def test_every_pin_has_the_hashes_of_its_files(lock):
    found = pip_calls.pins(lock)
    lacking = [pin.name for pin in found if not pin.hashes]
    assert lacking == (["torch"] if lock.stem in UNHASHED else [])
    hashes = [item for pin in found for item in pin.hashes]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", item) for item in hashes)
    assert len(hashes) == len(set(hashes))
    assert len(hashes) > 2 * len(found)


@every_lock
def test_a_lock_file_says_why_torch_has_no_hash(lock):
    header = "".join(re.findall("^# .*\n", lock.read_text(encoding="utf-8"), re.MULTILINE))
    assert ("torch has no hash here: its build for" in header) == (lock.stem in UNHASHED)
    assert ("So are the CUDA libraries" in header) == (lock.stem == "linux-x86_64-cu126")


@every_lock
def test_lock_files_hold_no_address_and_say_how_they_are_made(lock):
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "lock.py" in text


def test_cudas_libraries_are_locked_where_torchs_metadata_can_be_read():
    names = {pin.name for pin in pip_calls.pins(places.LOCKS / "linux-x86_64-cu130.txt")}
    assert {"triton", "cuda-toolkit", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-nccl-cu13"} <= names
    for lock in (item for item in LOCKS if item.stem.endswith(("cpu", "arm64"))):
        assert not [pin for pin in pip_calls.pins(lock) if re.match("nvidia|cuda|triton", pin.name)]


def test_cuda_on_windows_brings_the_triton_that_torch_brings_on_linux():
    linux, windows = (
        next(pin for pin in pip_calls.pins(places.LOCKS / f"{name}.txt") if pin.name.startswith("triton"))
        for name in ("linux-x86_64-cu130", "windows-cuda")
    )
    assert windows.name in WINDOWS_CUDA
    assert windows.requirement.startswith(linux.requirement.replace("triton", "triton-windows") + ".post")
