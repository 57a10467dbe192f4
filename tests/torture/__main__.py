"""``python -m tests.torture [--minutes N] [--seed N] [--write]``: experiments of all kinds until the time is over.

Exits with 1 if anything was found. ``--write`` sets the counts into docs/security.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "backend")]
import conftest  # noqa: E402, F401 # loads the checkout as the package mixel

from tests.security_page import fill  # noqa: E402
from tests.torture.kills import Kills  # noqa: E402
from tests.torture.limits import starve, twice  # noqa: E402
from tests.torture.network import ask  # noqa: E402
from tests.torture.runs import Place  # noqa: E402

MIX = ("kills", "kills", "limits", "kills", "network", "kills", "limits", "two runs")
"""The order of experiments: mostly kills, as there are most ways to be killed."""


def main() -> int:
    """Run; print what is found as it is found, then the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=sorted(set(MIX)))
    parser.add_argument("--write", action="store_true", help="set the counts into docs/security.md")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    chance, ends, kills = random.Random(options.seed), time.monotonic() + 60 * options.minutes, Kills()
    experiments = {"kills": kills.once, "limits": starve, "two runs": twice, "network": ask}
    counts: Counter[str] = Counter()
    findings = 0
    while time.monotonic() < ends:
        kind = options.only or MIX[sum(counts.values()) % len(MIX)]
        with tempfile.TemporaryDirectory(prefix="mixel-torture-") as folder:
            found = experiments[kind](Place(Path(folder)), chance)
        counts[kind] += 1
        findings += len(found)
        for one in found:
            print(f"FOUND {kind}: {one}", flush=True)
    rows = {
        "runs killed or cancelled": counts["kills"],
        "slowest end of a backend": f"{kills.longest:.1f} s",
        "runs with too little memory, disk or files": counts["limits"],
        "files that point to a server": counts["network"],
        "two or three runs into one folder at once": counts["two runs"],
        "findings": findings,
    }
    for name, value in rows.items():
        print(f"{value!s:>8}  {name}")
    if options.write:
        fill("torture", rows)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
