"""``python -m backend job.json [--parent PID]``: run one job and exit; ``--facts PATH``: say what a scene is.

See :mod:`.protocol` for the wire format.

The only place that writes to standard output, and the only broad ``except``.
"""

from __future__ import annotations

import argparse
import errno
import os
import select
import signal
import sys
import threading
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from . import watchdog
from .memory import check_room, keep_freed_memory, ran_out
from .protocol import PARTIAL, Done, Event, Failed, Job, encode
from .safety import restrict
from .sentence import short
from .unfinished import MOVING, owner, settle

POLL_SECONDS = 0.2
MOVING_SECONDS = 1.0
"""How long the end waits for files that are being moved into place."""
# Threads that wait by spinning make a run many times slower beside another busy program.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
restrict()


def main(arguments: list[str] | None = None) -> int:
    """Run the job named on the command line; gives the exit code."""
    options = _parse(arguments)
    wire = _protect_stdout()
    lock = threading.Lock()

    def emit(event: Event) -> None:
        with lock:
            print(encode(event), file=wire, flush=True)

    for name in watchdog.SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _terminated)
    started = time.monotonic()
    try:
        check_room()
        if options.facts:
            if options.parent:
                threading.Thread(target=_end_answer_with, args=(options.parent, options.reading), daemon=True).start()
            from .description import describe

            found = describe(options.facts, options.reading)
            emit(replace(found, refusal=short(found.refusal)))
            return 0
        job = Job.read(options.job)
        if options.output:
            job = replace(job, output=options.output)
        if options.parent:
            threading.Thread(target=_end_with, args=(options.parent, Path(job.output)), daemon=True).start()
        from .tasks.running import run  # after stdout is safe: torch and friends may print

        keep_freed_memory()
        metrics = run(job, emit)
    except ValueError as error:  # a refusal: the sentence is for the user, where it came from for the log
        traceback.print_exc()
        emit(Failed(short(str(error))))
    except MemoryError:
        emit(Failed(_OUT_OF_MEMORY, traceback.format_exc()))
    except Exception as error:  # whatever it is, the user gets a sentence and the details
        traceback.print_exc()
        emit(Failed(short(_sentence(error)), traceback.format_exc()))
    else:
        emit(Done(round(time.monotonic() - started, 2), metrics))
        return 0
    return 1


_OUT_OF_MEMORY = "The memory did not suffice. Close other programs and run again."


def _sentence(error: Exception) -> str:
    if ran_out(error):
        return _OUT_OF_MEMORY
    if "Too many open files" in str(error):
        return "Too many files are open on this account. Close other programs and run again."
    if isinstance(error, ImportError):
        return (
            f"The backend's Python is not whole, or was deleted meanwhile ({error}). Repair it on the Python page of "
            "Mixel's panel and run again."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"The disk is full ({error}). Free some space and run again."
    return f"Mixel's backend met an error it does not know ({type(error).__name__}: {error}). The log has the details."


def _terminated(number: int, frame: object) -> None:
    """Leave through every ``finally``, which a second signal must not interrupt."""
    for name in watchdog.SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    sys.exit(128 + number)


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m backend", description="Run one Mixel job.")
    parser.add_argument("job", nargs="?", help="the job file")
    parser.add_argument("--facts", metavar="PATH", help="say what this scene is, and run nothing")
    parser.add_argument("--reading", metavar="FILE", help="with --facts: how to read it, instead of the file beside it")
    parser.add_argument("--output", help="another output folder than the job's, to repeat a run")
    parser.add_argument("--parent", type=int, help="end as soon as the process with this number is gone")
    options = parser.parse_args(arguments)
    if bool(options.job) == bool(options.facts):
        parser.error("give either a job file or --facts PATH")
    return options


def _protect_stdout() -> TextIO:
    """Keep the real standard output for events; everything printed goes to standard error from now on."""
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return wire


def _end_with(parent: int, output: Path) -> None:
    """Wait until the parent is gone, then remove unfinished files and end this process at once."""
    _wait_for_end(parent)
    tidy = not watchdog.is_there() and MOVING.acquire(timeout=MOVING_SECONDS)
    if tidy and owner(output / PARTIAL) == os.getpid():
        settle(output)
    os._exit(1)


def _end_answer_with(parent: int, reading: str | None) -> None:
    """As :func:`_end_with` of a question: nothing is written then, and the file of the reading was the parent's."""
    _wait_for_end(parent)
    if reading:
        Path(reading).unlink(missing_ok=True)
    os._exit(1)


def _wait_for_end(parent: int) -> None:
    """Return when a process has ended: the operating system says so at once where it can, else by asking it."""
    import psutil

    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        try:
            descriptor = os.pidfd_open(parent)
        except ProcessLookupError:
            return
        except OSError:
            pass  # a kernel or a sandbox without it: ask
        else:
            select.select([descriptor], [], [])  # readable as soon as the process ends, reaped or not
            return
    try:
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(POLL_SECONDS)
    except psutil.NoSuchProcess:
        pass


def _start_watchdog() -> watchdog.Watchdog | None:
    options = _parse(None)
    return watchdog.start(options.job, options.output, options.parent) if options.job else None


if __name__ == "__main__":
    watching = None
    try:
        watching = _start_watchdog()
        code = main()
    except SystemExit as ended:  # a signal, or a wrong command line
        code = int(ended.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    if watching:
        watching.dismiss()
    os._exit(code)  # everything is closed; to take torch apart in good order would cost a second or two
