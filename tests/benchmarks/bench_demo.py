"""Where the seconds of the demo's run go: ``python -m tests.benchmarks.bench_demo [--epochs N]``."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from backend.methods.unmamba.config import Config
from backend.protocol import Job

from .child import sample_scene, watch


def main() -> None:
    """Unmix the shipped scene as the demo does and print the phases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=Config().steps)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for file in sample_scene().parent.glob("EnMAP_*"):
            shutil.copy(file, place)
        settings = {"num_endmembers": 5, "epochs": options.epochs}
        job = Job("unmix", "unmamba", str(place / sample_scene().name), str(place / "run"), settings)
        seen = watch(job, place / "job.json")
    total = sum(seen.phases.values())
    print(f"{options.epochs} steps on the shipped scene: {total:.1f} s, peak memory {seen.peak:.0f} MB")
    for phase, seconds in seen.phases.items():
        print(f"  {phase:<18} {seconds:7.1f} s  {100 * seconds / total:4.0f} %")


if __name__ == "__main__":
    main()
