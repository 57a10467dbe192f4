"""``python -m backend.trial DEVICE FORM...``: the forms of the scan tried on a device; see :mod:`.scan.trials`."""

from __future__ import annotations

import sys

from .scan import trials

if __name__ == "__main__":
    sys.exit(trials.main(sys.argv[1:]))
