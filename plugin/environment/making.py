"""Make and repair the backend's Python. Takes from seconds to minutes: not for QGIS's main thread.

A Python counts only once its marker is written, as the last act. Whatever interrupts the work before, the half-made
folder is deleted, now or by the next attempt.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import time
from pathlib import Path
from typing import Callable, Generator, Iterator, Tuple

from . import failures
from .base import base_interpreter
from .checking import about as judged
from .checking import notes_of
from .ownership import make
from .pip_calls import (
    Pin,
    Reading,
    fetch,
    fetched_arguments,
    install,
    locked_arguments,
    pins,
    torch_arguments,
    unhashed,
    write_requirements,
)
from .places import READY, InstallError, Place, choose_accelerator, folders, home, log_path, place
from .removing import remove
from .runner import Runner, Step
from .sources import sentence as sources
from .turn import Turn
from .wheels import looked_at

ROOM = {"cpu": 2e9, "cuda": 8e9}
"""Bytes on the disk that a creation needs at its height."""
GLIBC = (2, 28)
"""The oldest GNU C library that torch's wheels run on."""
MACOS = 14
"""The oldest macOS that torch's wheels run on."""


def create(cancelled: Callable[[], bool], accelerator: str = "auto") -> Iterator[Step]:
    """Make the backend's Python unless it is there; yields how far it is, at least once a second.

    ``accelerator`` is ``auto``, ``cpu`` or ``cuda``. Raises InstallError with a sentence, or Cancelled
    within 2 s after ``cancelled()`` said yes. Whatever happens, also when the iterator is closed early, no process
    is left and nothing half made counts; if this process is killed, the next attempt starts afresh.
    """
    yield from _create(cancelled, accelerator, anew=False)


def repair(cancelled: Callable[[], bool], accelerator: str = "auto") -> Iterator[Step]:
    """Delete the backend's Python and make it anew; as :func:`create`."""
    yield from _create(cancelled, accelerator, anew=True)


def _create(cancelled: Callable[[], bool], accelerator: str, anew: bool) -> Iterator[Step]:
    build, why = choose_accelerator(accelerator)
    target, notes = place(build), ""
    yield 0.0, why
    with Turn() as turn:
        for holder in turn.wait(cancelled):
            yield 0.0, f"Another QGIS (process {holder}) is making Mixel's Python; waiting for it"
        if not anew and target.made() and target.python.exists():
            _mark(target)
        else:
            try:
                notes = yield from _make(target, turn, cancelled)
            except OSError as error:
                raise InstallError(failures.sentence(str(error), 1, str(home()), str(log_path()))) from error
    yield 1.0, f"Mixel's Python is ready: {target.python}" + (f". {notes}" if notes else "")


def _make(target: Place, turn: Turn, cancelled: Callable[[], bool]) -> Generator[Step, None, str]:
    """Gives what the machine lacks to run as fast as it could, in sentences; empty if nothing."""
    yield 0.0, "Looking at this machine"
    base = base_interpreter()
    for folder in folders():
        unfinished = folder.name.startswith("deleted-") or not (folder / READY).exists()
        if unfinished or folder == target.folder:
            remove(folder)
    _check_machine(target.accelerator)
    finished = patient = False
    try:
        with log_path().open("wb", buffering=0) as log:
            notes = yield from _fill(target, base, Runner(log, target.folder / "tmp", turn, cancelled))
        shutil.rmtree(target.folder / "tmp", ignore_errors=True)
        _mark(target)
        finished = True
    except (InstallError, OSError):
        patient = True
        raise
    finally:
        if not finished:
            # Without the marker it does not count; if it cannot go now, the next attempt removes it.
            with contextlib.suppress(InstallError):
                remove(target.folder, wait=patient)
    return notes


def _fill(target: Place, base: Path, runner: Runner) -> Generator[Step, None, str]:
    make(target.folder)
    python = target.python
    venv = [str(base), "-m", "venv", str(target.folder)]
    yield from runner.follow(venv, (0.01, 0.06), Reading(1, f"Making a folder for Python with {base}"))
    runner.tmp.mkdir()
    version = yield from runner.follow(
        [str(python), "-m", "pip", "--version"], (0.06, 0.07), Reading(1, "Asking pip for its version")
    )
    told = re.search(r"pip (\d+)\.(\d+)", version)
    yield from _packages(target, runner, (int(told.group(1)), int(told.group(2))) if told else (0, 0))
    about = [str(python), "-m", "backend.about"]
    output = yield from runner.follow(about, (0.94, 1.0), Reading(1, "Checking that everything works"))
    return notes_of(judged(output, "", 0))


def _packages(target: Place, runner: Runner, pip: Tuple[int, int]) -> Iterator[Step]:
    """Say where packages come from, then get them."""
    python, lock = target.python, target.lock
    torch = unhashed(lock)
    asking = Reading(1, "Asking pip where packages come from")
    settings = yield from runner.follow([str(python), "-m", "pip", "config", "list"], (0.07, 0.08), asking, secret=True)
    places = sources(settings, target.accelerator if torch else "")
    runner.log.write((places + "\n").encode())
    yield 0.08, places
    if torch:
        yield from _torch(torch[0], target, runner, pip, places)
    hashed = [pin for pin in pins(lock) if pin.hashes]
    if hashed:
        requirements = runner.tmp / "packages.txt"
        write_requirements(lock, requirements, hashes=True)
        reading = Reading(len({pin.name for pin in hashed}), "Looking for the other packages" if torch else places)
        start = 0.5 if torch else 0.08
        yield from runner.follow(install(python, locked_arguments(requirements), pip), (start, 0.94), reading)


def _torch(torch: Pin, target: Place, runner: Runner, pip: Tuple[int, int], places: str) -> Iterator[Step]:
    """Torch from its own index, and the CUDA libraries that it brings: fetched, looked at, installed."""
    folder, versions = runner.tmp / "wheels", runner.tmp / "versions.txt"
    write_requirements(target.lock, versions, hashes=False)
    arguments = torch_arguments(torch, target.accelerator, versions)
    packages = 20 if "--constraint" in arguments else 1
    yield from runner.follow(fetch(target.python, folder, arguments, pip), (0.08, 0.4), Reading(packages, places))
    wheels = looked_at(folder, (pin.name for pin in pins(target.lock) if pin.hashes))
    command = install(target.python, fetched_arguments(wheels), pip)
    yield from runner.follow(command, (0.4, 0.5), Reading(len(wheels), "Installing torch"))
    shutil.rmtree(folder, ignore_errors=True)


def _mark(target: Place) -> None:
    """Write the marker, whole or not at all; its time makes this Python the chosen one."""
    content = {"time": time.time(), "accelerator": target.accelerator, "lock": target.lock.name}
    partial = target.folder / (READY + ".part")
    partial.write_text(json.dumps(content) + "\n", encoding="utf-8")
    os.replace(partial, target.folder / READY)


def _check_machine(build: str) -> None:
    """InstallError if the disk is too full or the system too old."""
    need = ROOM["cpu" if build == "cpu" else "cuda"]
    free = shutil.disk_usage(home()).free
    if free < need:
        raise InstallError(
            f"Mixel's Python needs {need / 1e9:.1f} GB and {home()} has {free / 1e9:.1f} GB left: make room, or set "
            "MIXEL_HOME to a folder on another disk, and try again."
        )
    if platform.system() == "Linux":
        name, version = _libc()
        if name != "glibc" or version < GLIBC:
            raise InstallError(
                f"torch needs the GNU C library {GLIBC[0]}.{GLIBC[1]} or newer, and this system has "
                f"{name} {version[0]}.{version[1]}: use a newer Linux."
            )
    mac = platform.mac_ver()[0]
    if mac and int(mac.split(".")[0]) < MACOS:
        raise InstallError(f"torch needs macOS {MACOS} or newer, and this is macOS {mac}: update macOS.")


def _libc() -> Tuple[str, Tuple[int, int]]:
    try:
        told = re.match(r"glibc (\d+)\.(\d+)", os.confstr("CS_GNU_LIBC_VERSION") or "")
    except (ValueError, OSError):
        told = None
    return ("glibc", (int(told.group(1)), int(told.group(2)))) if told else ("another one than", GLIBC)
