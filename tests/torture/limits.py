"""Runs with too little memory, disk or files, and two runs that want one folder at the same moment."""

from __future__ import annotations

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from mixel.backend.protocol import Done, Failed, decode

from .runs import METHODS, PATIENCE, Place, faults, results, wrong_sentence

KINDS = {
    "memory": (resource.RLIMIT_AS, 2.5e8, 2.5e9),
    "file size": (resource.RLIMIT_FSIZE, 0, 3e5),
    "open files": (resource.RLIMIT_NOFILE, 6, 80),
}
WRONG_ADVICE = "is not whole"


def starve(place: Place, chance: random.Random) -> list[str]:
    """Run with a limit; gives what went wrong."""
    kind = chance.choice([*KINDS, "disk"])
    method = chance.choice(list(METHODS))
    if kind == "disk":
        return _on_a_small_disk(place, chance, method)
    limit, least, most = KINDS[kind]
    size = int(chance.uniform(least, most))
    wrong = _limited(place, method, place.out, lambda: resource.setrlimit(limit, (size, size)))
    return [f"{method}, {kind} {size}: {one}" for one in wrong]


def _limited(place: Place, method: str, out: Path, prepare: Callable[[], None] | None) -> list[str]:
    job = place.job(method, out, elsewhere=True)
    process = place.backend(job, preexec_fn=prepare)
    try:
        told, log = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return ["hangs"]
    try:
        last = [decode(line) for line in told.splitlines()][-1:]
    except ValueError as error:
        return [str(error)]
    wrong = [f"leftovers outside: {place.leftovers()}"] if place.leftovers() else []
    if last and isinstance(last[0], Done):
        return wrong
    if not last or not isinstance(last[0], Failed):
        return [*wrong, f"exit code {process.returncode} without a word: {log[-200:]}"]
    wrong += wrong_sentence(last[0].message)
    wrong += [f"wrong advice: {last[0].message}"] if WRONG_ADVICE in last[0].message else []
    left = sorted(item.name for item in out.iterdir()) if out.is_dir() else []
    return wrong + ([f"left {left}"] if left else [])


def _on_a_small_disk(place: Place, chance: random.Random, method: str) -> list[str]:
    """Nothing is found where this computer lets nobody make a disk of memory."""
    disk, size = place.folder / "disk", int(chance.uniform(8, 400)) * 1024
    disk.mkdir()
    mount = shutil.which("mount") if sys.platform == "linux" and os.geteuid() == 0 else None
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]).returncode:
        return []
    try:
        wrong = _limited(place, method, disk / "out", None)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
    return [f"{method}, disk of {size}: {one}" for one in wrong]


def twice(place: Place, chance: random.Random) -> list[str]:
    """Start a run two or three times into one folder at the same moment: exactly one wins."""
    method = chance.choice(list(METHODS))
    job = place.job(method, elsewhere=True)
    processes = [place.backend(job) for _ in range(chance.choice((2, 3)))]
    ends = [decode(one.communicate(timeout=PATIENCE)[0].splitlines()[-1]) for one in processes]
    won = [one for one in ends if isinstance(one, Done)]
    lost = [one.message for one in ends if isinstance(one, Failed)]
    wrong = [] if len(won) == 1 else [f"{len(won)} of {len(ends)} won: {lost}"]
    wrong += [one for one in lost if not one.startswith(("Another Mixel run is", "The output folder"))]
    return [f"{method} started twice: {one}" for one in wrong + faults(place.out, results(place.out))]
