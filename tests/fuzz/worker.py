"""Reads cases one after the other, in a process that may crash or hang: lines of JSON in, one line out for each."""

from __future__ import annotations

import faulthandler
import json
import os
import random
import resource
import shutil
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "backend")]
import conftest  # noqa: E402, F401 # loads the checkout as the package mixel
from mixel.backend.safety import restrict  # noqa: E402

restrict()
from tests.fuzz.actions import fault  # noqa: E402
from tests.fuzz.mutations import spoil  # noqa: E402
from tests.fuzz.seeds import SEEDS, made  # noqa: E402

MEMORY = 6 * 2**30
"""Bytes of addresses that this process may have: small files need no more."""


def main() -> None:
    """``worker.py FOLDER``: the good files are kept there, and the spoilt ones made."""
    folder = Path(sys.argv[1])
    wire = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    paths: dict[str, str] = {}
    print("ready", file=wire, flush=True)
    for line in sys.stdin:
        name, number = json.loads(line)
        good, case = folder / "good" / name.replace(" ", "-"), folder / "case"
        if name not in paths:
            paths[name] = str(made(name, good))
        shutil.rmtree(case, ignore_errors=True)
        shutil.copytree(good, case)
        spoil(case, random.Random(f"{name} {number}"))
        (folder / "path").write_text(paths[name], encoding="utf-8")
        (folder / "under way").write_text("", encoding="utf-8")
        print(json.dumps(fault(SEEDS[name].kind, case / paths[name])), file=wire, flush=True)
        (folder / "under way").unlink()


main()
