"""``python -m tests.torture [--minutes N] [--seed N] [--write]``: experiments of all kinds until the time is over.

Exits with 1 if anything was found. ``--write`` sets the counts into docs/security.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from tests.security_page import fill
from tests.torture.driver import MIX, run


def main() -> int:
    """Run; print what is found as it is found, then the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", choices=sorted(set(MIX)))
    parser.add_argument("--at-once", type=int, default=min(os.cpu_count() or 1, 4), help="experiments at a time")
    parser.add_argument("--write", action="store_true", help="set the counts into docs/security.md")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    done = run(options.minutes, options.seed, options.at_once, options.only)
    rows = {
        "runs killed or cancelled": done.counts["kills"],
        "slowest end of a backend": f"{done.longest:.1f} s",
        "runs with too little memory, disk or files": done.counts["limits"],
        "files that point to a server": done.counts["network"],
        "two or three runs into one folder at once": done.counts["two runs"],
        "findings": len(done.found),
    }
    for name, value in rows.items():
        print(f"{value!s:>8}  {name}")
    if options.write:
        fill("torture", rows)
    return 1 if done.found else 0


if __name__ == "__main__":
    sys.exit(main())
