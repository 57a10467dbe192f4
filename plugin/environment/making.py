"""Make, check and repair the backend's Python. Takes from seconds to minutes: not for QGIS's main thread.

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
import subprocess  # nosec B404 # for the names PIPE and STDOUT; child.py starts pip, without a shell
import time
from pathlib import Path
from typing import IO, Any, Callable, Dict, Generator, Iterator, List, Tuple, Union

from . import failures
from .base import base_interpreter
from .child import clean_environment, end, lines, run, start
from .pip_calls import Reading, install, pins, rest_arguments, torch_arguments
from .places import READY, InstallError, Place, choose_accelerator, folders, home, log_path, place
from .removing import remove
from .turn import Turn

Step = Tuple[float, str]
"""How far, 0 to 1, and what is being done."""
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


def check(python: Union[str, Path]) -> Dict[str, Any]:
    """What an interpreter has, as ``python -m backend.about`` tells it. InstallError says why it will not do."""
    try:
        answer = run([str(python), "-m", "backend.about"], timeout=300, stderr=subprocess.PIPE)
    except OSError as error:
        raise InstallError(f"{python} cannot be started ({error.strerror or error}): choose another Python.") from error
    return _about(answer.stdout, answer.stderr, answer.returncode)


def notes_of(about: Dict[str, Any]) -> str:
    """What a machine lacks to run as fast as it could, by what its Python tells; empty if nothing."""
    told = about.get("notes", [])
    return " ".join(str(note) for note in told) if isinstance(told, list) else ""


def _about(output: str, errors: str, code: int) -> Dict[str, Any]:
    told = [line for line in output.splitlines() if line.startswith("{")]
    with contextlib.suppress(ValueError):
        content = json.loads(told[-1] if told else "")
        if code == 0 and isinstance(content, dict):
            return content
    reason = ([line for line in errors.splitlines() if line.strip()] or [f"It ended with exit code {code}."])[-1]
    raise InstallError(f"The backend cannot run with this Python. {reason} Repair it, or choose another Python.")


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
            notes = yield from _fill(target, base, _Runner(log, target.folder / "tmp", turn, cancelled))
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


def _fill(target: Place, base: Path, runner: _Runner) -> Generator[Step, None, str]:
    python, lock = target.python, target.lock
    venv = [str(base), "-m", "venv", str(target.folder)]
    yield from runner.follow(venv, (0.01, 0.06), Reading(1, f"Making a folder for Python with {base}"))
    runner.tmp.mkdir()
    version = yield from runner.follow(
        [str(python), "-m", "pip", "--version"], (0.06, 0.07), Reading(1, "Asking pip for its version")
    )
    told = re.search(r"pip (\d+)\.(\d+)", version)
    pip = (int(told.group(1)), int(told.group(2))) if told else (0, 0)
    torch = torch_arguments(lock, target.accelerator)
    if torch:
        packages = 1 if target.accelerator == "cpu" else 20
        yield from runner.follow(install(python, torch, pip), (0.07, 0.5), Reading(packages, "Looking for torch"))
    if pins(lock):
        reading = Reading(len({line.split("==")[0] for line in pins(lock)}), "Looking for the other packages")
        yield from runner.follow(install(python, rest_arguments(lock), pip), (0.5, 0.94), reading)
    about = [str(python), "-m", "backend.about"]
    output = yield from runner.follow(about, (0.94, 1.0), Reading(1, "Checking that everything works"))
    return notes_of(_about(output, "", 0))


class _Runner:
    """Runs the commands of one creation: into the log, cancellable, with progress."""

    def __init__(self, log: IO[bytes], tmp: Path, turn: Turn, cancelled: Callable[[], bool]) -> None:
        self.log = log
        self.tmp = tmp
        self._cancelled = cancelled
        # pip unpacks where there is room for it, not in a /tmp that is small.
        self._environment = {**clean_environment(), "TMPDIR": str(tmp), "TEMP": str(tmp), "TMP": str(tmp)}
        self._inherited = turn.inherited

    def follow(self, command: List[str], span: Tuple[float, float], reading: Reading) -> Generator[Step, None, str]:
        """Run one command, yield how far it is within ``span``, return its output. InstallError if it fails."""
        options: Dict[str, Any] = {"pass_fds": self._inherited} if self._inherited else {}
        self.log.write(("$ " + " ".join(command) + "\n").encode())
        yield span[0], reading.message
        process = start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment, **options)
        told: List[str] = []
        try:
            yield from self._read(process, told, span, reading)
            process.wait()
        finally:
            end(process)
        output = "".join(told)
        if process.returncode:
            if "backend.about" in command:
                _about("", output, process.returncode)
            raise InstallError(failures.sentence(output, process.returncode, str(home()), str(log_path())))
        return output

    def _read(
        self, process: subprocess.Popen[Any], told: List[str], span: Tuple[float, float], reading: Reading
    ) -> Iterator[Step]:
        shown = heard = time.monotonic()
        for line in lines(process, self._cancelled):
            now = time.monotonic()
            before = reading.message
            if line is not None:
                heard = now
                text = line.decode("utf-8", "replace")
                told.append(text)
                reading.take(text)
                if not text.startswith("Progress "):
                    self.log.write(line)
            if reading.message != before or now - shown >= 1:
                shown, silent = now, now - heard
                waited = f" ({silent // 5 * 5:.0f} s)" if silent >= 5 else ""
                yield span[0] + (span[1] - span[0]) * reading.fraction, reading.message + waited


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
