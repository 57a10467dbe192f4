"""``python -m backend.trial DEVICE FORM...``: the forms of the scan tried on a device; see :mod:`.scan.trials`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import torch

from .scan import trials


def main(arguments: list[str]) -> int:
    """Try the forms named after the device and print what came of each."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not stand among the answers
    for name, one in trials.trial(torch.device(arguments[0]), arguments[1:]):
        print(json.dumps({"form": name, **asdict(one)}), file=told, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
