"""Does experiments until the time is over, on several cores at once."""

from __future__ import annotations

import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "backend")]
import conftest  # noqa: E402, F401 # loads the checkout as the package mixel

from .kills import Kills  # noqa: E402
from .limits import starve, twice  # noqa: E402
from .network import ask  # noqa: E402
from .runs import Place  # noqa: E402

MIX = ("kills", "kills", "limits", "kills", "kills", "network", "kills", "kills", "two runs", "kills", "kills")
"""The order of experiments: mostly kills, as there are most ways to be killed."""


@dataclass
class Pass:
    """What a pass has done: experiments by kind, seconds that the slowest end of a backend took, and what was found."""

    counts: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    found: list[str] = field(default_factory=list)


def run(minutes: float, seed: int, at_once: int, only: str | None = None) -> Pass:
    """Experiments of all kinds, or of one ``only``; ``at_once`` of them. Prints what is found as it is found."""
    with multiprocessing.get_context("spawn").Pool(at_once) as pool:
        parts = pool.starmap(one_by_one, [(minutes, seed + number, only) for number in range(at_once)])
    whole = Pass()
    for part in parts:
        whole.counts += part.counts
        whole.longest = max(whole.longest, part.longest)
        whole.found += part.found
    return whole


def one_by_one(minutes: float, seed: int, only: str | None = None) -> Pass:
    """Experiments one after the other until ``minutes`` are over."""
    chance, ends, kills, done = random.Random(seed), time.monotonic() + 60 * minutes, Kills(), Pass()
    experiments = {"kills": kills.once, "limits": starve, "two runs": twice, "network": ask}
    while time.monotonic() < ends:
        kind = only or MIX[done.counts.total() % len(MIX)]
        with tempfile.TemporaryDirectory(prefix="mixel-torture-") as folder:
            found = experiments[kind](Place(Path(folder)), chance)
        done.counts[kind] += 1
        done.found += found
        for one in found:
            print(f"FOUND {kind}: {one}", flush=True)
    done.longest = kills.longest
    return done
