"""Gives cases to a worker, waits for it no longer than 20 seconds, and starts a new one after a crash or a hang."""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from .cases import FOUND, Case, keep

ROOT = Path(__file__).resolve().parents[2]
HANG = 20.0
"""Seconds of the processor, or three times as many of the clock, after which a case hangs."""
START = 180.0
NAMES = (
    "tiff", "vrt", "envi", "prisma", "emit", "neon", "pace", "aviris", "tanager", "zarr", "enmap", "desis", "hyperion",
    "gaofen5", "wyvern", "specim", "areas in a GeoPackage", "areas in GeoJSON", "areas in a shapefile", "class raster",
    "library in ENVI", "library as a table", "library in a GeoPackage", "network", "forest", "vectors", "job",
    "reading", "events",
)  # fmt: skip
"""Of the good files; a test holds them against seeds.py, which loads much."""


@dataclass
class Pass:
    """What a pass has done: cases by seed, and what was found, one of each kind."""

    counts: Counter[str] = field(default_factory=Counter)
    found: dict[str, str] = field(default_factory=dict)
    """Where each kind of fault is kept."""


class _Worker:
    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.fuzz.worker", str(folder)]
        self._folder = folder
        self._log = (folder / "log.txt").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=-1, stdout=-1, stderr=self._log)
        if self.answer(START) != "ready\n":
            raise RuntimeError(f"The worker does not start: {(folder / 'log.txt').read_text()[-2000:]}")

    def answer(self, longest: float) -> str | None:
        """A line of the worker; "" if it has crashed, None if it hangs."""
        began, used = time.monotonic(), self._used()
        while True:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                return self.process.stdout.readline().decode()  # type: ignore[union-attr]
            if time.monotonic() - began > 3 * longest or self._used() - used > longest:
                return None

    def ask(self, name: str, number: int) -> str | None:
        """Have it read a case."""
        self.process.stdin.write(json.dumps([name, number]).encode() + b"\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]
        return self.answer(HANG)

    def end_in_words(self, told: str | None) -> str:
        """What became of a worker that gave no answer."""
        if told is None:
            return "hangs"
        return f"crash with exit code {self.process.wait()}: {_last_words(self._folder)}"

    def end(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()
        self._log.close()

    def _used(self) -> float:
        try:
            return sum(psutil.Process(self.process.pid).cpu_times()[:2])
        except psutil.Error:
            return 0.0


def run(seconds: float, seed: int, names: tuple[str, ...] = NAMES, target: Path = FOUND,
        say: Callable[[str], object] = print) -> Pass:  # fmt: skip
    """Read cases until the time is over; what fails is kept in ``target``."""
    done, chance, ends = Pass(), random.Random(seed), time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="mixel-fuzz-") as temporary:
        folder = Path(temporary)
        worker = _Worker(folder)
        try:
            while time.monotonic() < ends:
                name = names[done.counts.total() % len(names)]
                number = chance.randrange(10**9)
                told = worker.ask(name, number)
                if told and "MemoryError" in told:  # a worker that has read much holds much: only a new one counts
                    worker.end()
                    worker = _Worker(folder)
                    told = worker.ask(name, number)
                done.counts[name] += 1
                what = json.loads(told) if told else worker.end_in_words(told)
                if what and _kind(name, what) not in done.found:
                    path = (folder / "path").read_text(encoding="utf-8")
                    where = keep(Case(name, number, path, what), folder / "case", target)
                    done.found[_kind(name, what)] = where
                    say(f"FOUND {name} {number}: {what} ({where})")
                if not told:
                    worker.end()
                    worker = _Worker(folder)
        finally:
            worker.end()
    return done


def _kind(name: str, what: str) -> str:
    """Faults of one kind: the same error in the same place."""
    return what.split(":")[0] + what.partition(":")[2].split(":")[0] if " in " in what else f"{name} {what[:30]}"


def _last_words(folder: Path) -> str:
    return (folder / "log.txt").read_text(encoding="utf-8", errors="replace")[-300:]
