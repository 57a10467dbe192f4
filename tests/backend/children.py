"""The backend as a child process, as the plugin and a user at a terminal start it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from mixel.backend.protocol import Failed, Output, decode

ROOT = Path(__file__).resolve().parents[2]
LONG = 120.0
"""Seconds after which a test gives up waiting; no promise about speed."""


@dataclass(frozen=True)
class Finished:
    """What a child left behind."""

    code: int
    lines: list[str]
    stderr: str

    @property
    def events(self):
        return [decode(line) for line in self.lines]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failure(self):
        """The sentence of the one failed event, which is the last; the run gave no output and exit code 1."""
        assert self.code == 1, self.stderr
        assert [type(event) for event in self.events].count(Failed) == 1
        assert isinstance(self.events[-1], Failed)
        assert not self.of(Output)
        return self.events[-1].message


def start(job, *arguments, environment=None, prepare=None):
    """Start ``python -m backend job`` in the checkout. ``prepare`` runs in the child before Python does."""
    return subprocess.Popen(
        [sys.executable, "-m", "backend", str(job), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=prepare,
    )


def finished(process):
    """Wait for the end of a child; gives a Finished. A line that is not UTF-8 is an error here."""
    try:
        stdout, stderr = process.communicate(timeout=LONG)
    finally:
        process.kill()
    return Finished(process.returncode, stdout.decode("utf-8").splitlines(), stderr.decode("utf-8", "replace"))


def until(condition, seconds=LONG):
    """Wait until something holds; whether it did within so many seconds."""
    ends = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True
