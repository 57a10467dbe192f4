"""Small runs, how they are started, and what is wrong with what they leave."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from mixel.backend.protocol import INPUTS, JOB_FILE, LOG_FILE, PARTIAL, Job
from mixel.backend.unfinished import moved
from scenes import QUICK, write

ROOT = Path(__file__).resolve().parents[2]
METHODS = {"edaa": {}, "vca_fcls": {"num_endmembers": 3}, "unmamba": QUICK}
LONGEST = 300
PATIENCE = 120.0
"""Seconds after which a run counts as hanging, however busy the machine."""


@dataclass
class Place:
    """A temporary folder for one experiment: its scene, its own folder of temporary files, its environment."""

    folder: Path
    tmp: Path = field(init=False)
    out: Path = field(init=False)
    scene: str = field(init=False)

    def __post_init__(self) -> None:
        self.tmp, self.out = self.folder / "tmp", self.folder / "out"
        self.tmp.mkdir(parents=True)
        self.scene = write(self.folder / "scene.tif")

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the temporary files in their own folder."""
        return {**os.environ, "TMPDIR": str(self.tmp), "PYTHONDONTWRITEBYTECODE": "1"}

    def job(self, method: str, out: Path | None = None, elsewhere: bool = False) -> Path:
        """A job file of a small run, in its output folder as the plugin writes it, or ``elsewhere``."""
        out = out or self.out
        if not elsewhere:
            out.mkdir(exist_ok=True)
        path = (self.folder if elsewhere else out) / JOB_FILE
        Job("unmix", method, self.scene, str(out), settings=METHODS[method]).write(path)
        return path

    def parent(self, job: Path) -> subprocess.Popen[str]:
        """A process that runs a job as QGIS does."""
        command = [sys.executable, str(ROOT / "tests" / "torture" / "parent.py"), sys.executable, str(job)]
        return subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, text=True
        )

    def backend(self, job: Path, **options: object) -> subprocess.Popen[str]:
        """The backend by itself, as at a terminal."""
        options.setdefault("env", self.environment)
        return subprocess.Popen(
            [sys.executable, "-m", "backend", str(job)], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1,
            text=True, errors="replace", **options,
        )  # fmt: skip

    def backends(self) -> list[psutil.Process]:
        """The backend's processes of this place that are alive."""
        found = []
        for one in psutil.process_iter():
            try:
                words = one.cmdline()
                if "backend" in words and any(str(self.folder) in word for word in words):
                    found += [one] if one.status() != psutil.STATUS_ZOMBIE else []
            except psutil.Error:
                continue
        return found

    def leftovers(self) -> list[str]:
        """What lies in the folder of temporary files, where nothing may lie after a run."""
        return sorted(item.name for item in self.tmp.iterdir())


def gone_after(place: Place, longest: float) -> float:
    """Seconds until no process of the backend is left; at most about ``longest``."""
    began = time.monotonic()
    while place.backends() and time.monotonic() - began < longest:
        time.sleep(0.02)
    return time.monotonic() - began


def results(out: Path) -> list[str]:
    """Names of the results in an output folder, without what a run brings along."""
    kept = {JOB_FILE, LOG_FILE, INPUTS, PARTIAL}
    return sorted(item.name for item in out.iterdir() if item.name not in kept) if out.is_dir() else []


def faults(out: Path, expected: list[str]) -> list[str]:
    """What is wrong with an output folder: its results are neither all there nor all absent."""
    found = results(out)
    complete = (out / JOB_FILE).is_file() and bool(Job.read(out / JOB_FILE).record)
    if complete:
        return [] if found == expected else [f"a record, but only {found}"]
    stray = sorted(set(found) - set(moved(out)))
    return [f"no record, but {stray}"] if stray else []


def wrong_sentence(text: str) -> list[str]:
    """What is wrong with a sentence for a user."""
    wrong = [f"a sentence of {len(text)} characters"] if len(text) > LONGEST else []
    wrong += ["a sentence with a line break"] if "\n" in text else []
    wrong += ["a sentence without an end"] if not text.rstrip().endswith((".", "?", "!")) else []
    return [f"{one}: {text[:200]}" for one in wrong]
