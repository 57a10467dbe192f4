"""Kills at random moments: of the backend, of QGIS, of both, of all; and the orderly ends beside them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time

from .runs import METHODS, PATIENCE, Place, faults, gone_after, results

PROMISE = 2.0
"""Seconds after which nothing of a backend may run any more."""
HOW = ("backend", "parent", "both", "group", "terminate", "cancel")


class Kills:
    """Kills runs; knows how long whole runs take and what they leave."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.expected: dict[str, list[str]] = {}
        self.longest = 0.0
        """Seconds that the slowest end took."""

    def once(self, place: Place, chance: random.Random) -> list[str]:
        """Kill one run at a random moment and start the next one; gives what went wrong.

        The first of each method runs to its end before, to know how long that takes.
        """
        method, how = chance.choice(list(METHODS)), chance.choice(HOW)
        if method not in self.seconds:
            wrong = self._learn(Place(place.folder / "whole"), method)
            if wrong:
                return wrong
        moment = chance.uniform(0, 1.1) * self.seconds[method]
        parent = place.parent(place.job(method))
        with contextlib.suppress(subprocess.TimeoutExpired):
            parent.wait(moment)
        took = _kill(place, parent, how)
        self.longest = max(self.longest, took)
        wrong = [f"alive for {took:.1f} s"] if took > PROMISE else []
        try:
            parent.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            parent.kill()
            wrong.append("QGIS's side hangs")
        wrong += [f"leftovers outside: {place.leftovers()}"] if place.leftovers() else []
        wrong += faults(place.out, self.expected[method])
        if not wrong and not results(place.out):
            wrong += self._next(place, method)
        return [f"{how} killed at {moment:.2f} s of {method}: {one}" for one in wrong]

    def _learn(self, place: Place, method: str) -> list[str]:
        began = time.monotonic()
        told = _run(place, method)
        self.seconds[method], self.expected[method] = time.monotonic() - began, results(place.out)
        return [] if told.startswith("Done") else [f"{method}: {told}"]

    def _next(self, place: Place, method: str) -> list[str]:
        """The next run into the same folder works."""
        told = _run(place, method)
        wrong = [] if told.startswith("Done") else [f"the next run: {told}"]
        return wrong or faults(place.out, self.expected[method])


def _run(place: Place, method: str) -> str:
    parent = place.parent(place.job(method))
    try:
        return parent.communicate(timeout=PATIENCE)[0].strip()
    except subprocess.TimeoutExpired:
        parent.kill()
        return "hangs"


def _kill(place: Place, parent: subprocess.Popen[str], how: str) -> float:
    """Do it, and give the seconds until the backend is gone."""
    leader = next((one.pid for one in place.backends() if one.pid == _group(one.pid)), 0)
    with contextlib.suppress(ProcessLookupError):
        if how in ("backend", "both") and leader:
            os.kill(leader, signal.SIGKILL)
        if how == "group" and leader:
            os.killpg(leader, signal.SIGKILL)
        if how == "terminate" and leader:
            os.kill(leader, signal.SIGTERM)
    if how in ("parent", "both"):
        parent.kill()
    if how == "cancel":
        parent.send_signal(signal.SIGUSR1)
    elif not leader and how not in ("parent", "both"):
        return 0.0  # there is no backend yet, or none any more
    return gone_after(place, 4 * PROMISE)


def _group(process: int) -> int:
    with contextlib.suppress(ProcessLookupError):
        return os.getpgid(process)
    return 0
