"""Stands for QGIS: runs a job with the plugin's own code and says how it ended; SIGUSR1 presses its cancel button.

parent.py PYTHON JOB
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import conftest  # noqa: F401 # loads the checkout as the package mixel
from mixel.plugin.process import Cancelled, run

pressed = []
signal.signal(signal.SIGUSR1, lambda *arguments: pressed.append(True))
try:
    *_, last = run(sys.argv[1], sys.argv[2], lambda: bool(pressed))
    print(type(last).__name__, getattr(last, "message", ""), flush=True)
except Cancelled:
    print("Cancelled", flush=True)
