"""``python -m tests.fuzz [--minutes N] [--seed N] [--write]``: spoilt files until the time is over.

Exits with 1 if anything was found; it is kept in tests/fuzz/found. ``--write`` sets the counts into docs/security.md.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.driver import NAMES, run
from tests.security_page import fill


def main() -> int:
    """Run; print what is found as it is found, then the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=NAMES, help="spoil only this good file")
    parser.add_argument("--write", action="store_true", help="set the counts into docs/security.md")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    names = (options.only,) if options.only else NAMES
    done = run(60 * options.minutes, options.seed, names, say=lambda text: print(text, flush=True))
    rows = {
        "good files that were spoilt": len(done.counts),
        "spoilt files read": done.counts.total(),
        "kinds of faults found": len(done.found),
    }
    for name, value in rows.items():
        print(f"{value!s:>8}  {name}")
    if options.write:
        fill("fuzz", rows)
    return 1 if done.found else 0


if __name__ == "__main__":
    sys.exit(main())
