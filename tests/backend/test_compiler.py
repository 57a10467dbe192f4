"""What Triton needs of a machine, and how its lack is told."""

from __future__ import annotations

import sys
import sysconfig

import pytest
from mixel.backend import about, compiler

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """``machine(programs, headers)``: programs on the PATH, and Python's headers there or not."""

    def made(programs=(), headers=True, system="linux"):
        for name in programs:
            (tmp_path / name).write_text("#!/bin/sh\n")
            (tmp_path / name).chmod(0o755)
        (tmp_path / "include").mkdir(exist_ok=True)
        if headers:
            (tmp_path / "include" / "Python.h").write_text("")
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(sysconfig, "get_paths", lambda **_: {"include": str(tmp_path / "include")})

    return made


@pytest.mark.parametrize("program", ["gcc", "clang"])
def test_a_compiler_and_headers_are_all_it_needs(machine, program):
    machine([program])
    assert compiler.missing() == ""


def test_without_a_compiler_the_package_is_named(machine):
    machine()
    assert "install the package gcc" in compiler.missing()


def test_without_headers_the_package_is_named_with_pythons_version(machine):
    machine(["gcc"], headers=False)
    assert f"install the package python{VERSION}-dev" in compiler.missing()


def test_a_compiler_named_by_the_user_counts(machine, monkeypatch):
    machine(["tcc"])
    monkeypatch.setenv("CC", "tcc")
    assert compiler.missing() == ""
    monkeypatch.setenv("CC", "nothing-like-it")
    assert "no C compiler" in compiler.missing()


def test_windows_brings_a_compiler_but_not_the_headers(machine):
    machine(system="win32")
    assert compiler.missing() == ""


def test_windows_without_headers_is_told_where_a_python_has_them(machine):
    machine(headers=False, system="win32")
    assert "python.org" in compiler.missing()


def test_the_cost_is_told_only_where_triton_is(machine, monkeypatch):
    machine()
    monkeypatch.setattr(compiler, "find_spec", lambda name: name)
    assert compiler.sentence().startswith("The graphics card will work, but slower") and compiler.sentence()[-1] == "."
    monkeypatch.setattr(compiler, "find_spec", lambda name: None)
    assert compiler.sentence() == ""


def test_about_tells_it_for_torch_with_cuda_alone(monkeypatch):
    import torch

    monkeypatch.setattr(compiler, "sentence", lambda: "There is no C compiler.")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert about.notes() == []
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert about.notes() == ["There is no C compiler."]


def test_about_names_every_device_and_survives_a_broken_driver(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "NVIDIA A2000")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert about.devices() == ["cpu", "cuda: NVIDIA A2000", "mps"]

    def broken(number):
        raise RuntimeError("CUDA driver version is insufficient\nmore")

    monkeypatch.setattr(torch.cuda, "get_device_name", broken)
    assert about.devices()[1] == "cuda: not usable (CUDA driver version is insufficient)"
