"""Unmixes the sample scene in the real QGIS and leaves everything under ``demo/``; ``make demo`` prepares and calls it.

/usr/bin/python3 tests/desk/demo.py [FOLDER] [--headless] [--epochs N] [--phase "name=seconds" ...]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any, Dict

import desktop

LIMIT = 1500.0
"""Seconds for the run; the watchdog ends QGIS soon after."""
PRODUCTS = ("result", "scene", "mixel-demo.qgz", "mixel-demo.png")


def main() -> int:
    """Play the demo; 0 if it went well, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=desktop.ROOT / "demo")
    parser.add_argument("--headless", action="store_true", help="a virtual screen even if there is a real one")
    parser.add_argument("--epochs", type=int, default=0, help="training steps, if not the plugin's own number")
    parser.add_argument("--phase", action="append", default=[], help="name=seconds of a phase before this one")
    given = parser.parse_args()
    phases = {name: float(seconds) for name, seconds in (phase.rsplit("=", 1) for phase in given.phase)}
    try:
        stays = play(given.folder.resolve(), given.headless, given.epochs, phases)
    except (AssertionError, TimeoutError, OSError) as error:
        print(f"The demo failed. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 1
    summary(given.folder.resolve(), phases, stays)
    return 0


def play(folder: Path, headless: bool, epochs: int, phases: Dict[str, float]) -> bool:
    """Run the desktop's part and note the seconds of its phases; whether QGIS stays open."""
    clear(folder)
    scene = desktop.copy_scene(folder / "scene")
    on_screen = not headless and desktop.has_display()
    print(f"QGIS starts {'on your screen' if on_screen else 'on a virtual screen'}.", flush=True)
    args = {
        "scene": str(scene),
        "result": str(folder / "result"),
        "project": str(folder / "mixel-demo.qgz"),
        "picture": str(folder / "mixel-demo.png"),
        "settings": {"num_endmembers": 4, **({"epochs": epochs} if epochs else {})},
        "seconds": LIMIT,
        "stay": on_screen,
        "width": 1560,
        "height": 1000,
    }
    names = {"started": "QGIS starts", "unmixed": "unmixing", "saved": "map, picture, project"}
    begin = time.monotonic()
    with desktop.Desktop(folder / "qgis", "story_demo", args, on_screen) as started:
        for event in started.events(LIMIT + 120):
            show(event)
            if event["event"] in names:
                now = time.monotonic()
                phases[names[event["event"]]], begin = now - begin, now
            if event["event"] == "done" and on_screen:
                started.may_stay = True
                break
    check(folder, started)
    return on_screen


def clear(folder: Path) -> None:
    """Delete what an earlier demo left; nothing else."""
    for name in PRODUCTS:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def show(event: Dict[str, Any]) -> None:
    """One line for the terminal."""
    if event["event"] == "progress":
        print(f"  {event['percent']:3} %  {event['text']}", flush=True)
    elif event["event"] == "failed":
        raise AssertionError(
            " ".join(str(event[key]) for key in ("message", "status", "dialog", "details") if event[key])
        )


def check(folder: Path, started: desktop.Desktop) -> None:
    """Everything that the demo promises is there. AssertionError names what is missing."""
    promised = ["result/report.html", "result/job.json", "mixel-demo.qgz", "mixel-demo.png"]
    missing = [name for name in promised if not (folder / name).is_file()]
    missing += [kind for kind in ("*.tif", "*.sli") if not list((folder / "result").glob(kind))]
    if missing:
        raise AssertionError(f"These are missing: {', '.join(missing)}.{started.log_tail()}")


def summary(folder: Path, phases: Dict[str, float], stays: bool) -> None:
    """Where things are and how long it took."""
    rasters = ", ".join(sorted(file.name for file in (folder / "result").iterdir() if file.suffix in (".tif", ".sli")))
    print(f"\nDone. In {folder}:")
    for name, text in (
        ("mixel-demo.qgz", "the QGIS project with the styled layers"),
        ("mixel-demo.png", "a picture of QGIS showing them"),
        ("result/report.html", "the report"),
        ("result/job.json", "the run on paper: it can be repeated with it"),
        ("result/", rasters),
    ):
        print(f"  {name:20} {text}")
    print("Seconds: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in phases.items()))
    print(f"In all:  {sum(phases.values()):.0f}")
    if stays:
        print("QGIS is open on the result.")


if __name__ == "__main__":
    sys.exit(main())
