"""Runs the backend as the plugin does and watches it: seconds by phase, peak memory."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from backend.protocol import Done, Failed, Job, Output, Progress, Started, decode

ROOT = Path(__file__).parents[2]


@dataclass
class Watched:
    """What was seen of one run: ``phases`` in seconds, ``peak`` memory in MB, ``metrics`` of its end."""

    phases: dict[str, float] = field(default_factory=dict)
    peak: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


def watch(job: Job, path: Path) -> Watched:
    """Run a job, written to ``path``. RuntimeError with the backend's sentence if it fails."""
    job.write(path)
    seen, mark = Watched(), time.monotonic()
    command = [sys.executable, "-m", "backend", str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
        watcher = threading.Thread(target=_memory, args=(child.pid, seen), daemon=True)
        watcher.start()
        phase = "start-up"
        for line in child.stdout or ():
            event = decode(line)
            if isinstance(event, Failed):
                raise RuntimeError(event.message)
            following = _phase(event, phase)
            if following != phase:
                now = time.monotonic()
                seen.phases[phase] = seen.phases.get(phase, 0.0) + now - mark
                phase, mark = following, now
            if isinstance(event, Done):
                seen.metrics = event.metrics
        seen.phases["end"] = time.monotonic() - mark
    return seen


def _phase(event: object, phase: str) -> str:
    if isinstance(event, Started):
        return "reading a sample"
    if isinstance(event, Progress) and event.message.startswith("Training"):
        return "training"
    if isinstance(event, Progress) and event.message.startswith(("Unmixing", "Classifying")):
        return "report and checks" if event.fraction >= 1 else "mapping"
    return "end" if isinstance(event, (Output, Done)) else phase


def _memory(pid: int, seen: Watched) -> None:
    try:
        process = psutil.Process(pid)
        while process.is_running():
            seen.peak = max(seen.peak, process.memory_info().rss / 1e6)
            time.sleep(0.02)
    except psutil.NoSuchProcess:
        return


def sample_scene() -> Path:
    """The scene that Mixel ships."""
    return ROOT / "resources" / "sample" / "EnMAP_BerlinUrbanGradient.bsq"
