"""The scoreboard: every method on every scene of a data folder, ``make benchmark DATA=FOLDER``.

Each cell (scene, method, seed) is computed in a process of its own and kept; finished ones are not computed twice, so
a run that was cut off goes on where it was. First seeds come first: a short run gives a whole, if rougher, table.
Cells that came with the repository count as finished; ``--again`` computes them again, to see for yourself.

``--validation`` scores validation pixels instead of test pixels, for choosing settings; ``--set`` names settings that
differ from the shipped ones. Both print only. ``--results`` keeps cells elsewhere; then no page is written either.
A scene whose files are not in the data folder is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from backend.about import about
from backend.methods import Method, methods
from tests.benchmarks import ablations
from tests.benchmarks.cell import FLOORS, Cell
from tests.benchmarks.choices import ALTERNATIVES, reported
from tests.benchmarks.choices import SEEDS as CHOICE_SEEDS
from tests.benchmarks.page import PAGE, tables, write_page
from tests.benchmarks.presets import SCENES as PRESET_SCENES
from tests.benchmarks.results import SHIPPED, Results
from tests.benchmarks.scene_files import has_curves, is_simulated, missing_file, scene_files, tasks_of

ROOT = Path(__file__).parents[2]
UNGUIDED = {"guidance": "False"}
"""What the joint method is compared with: itself, not looking at abundances."""
CURVE = (5, 10, 20, 50)
"""Training pixels per class of the learning curves."""
CURVE_SEEDS = PRESET_SEEDS = 3
SHOWN = ("rmse", "sad", "reconstruction", "oa", "aa", "kappa", "learn_seconds", "map_seconds", "peak_mb", "parameters")


def cells(options: argparse.Namespace) -> list[Cell]:
    """All cells that the options ask for, first seeds first."""
    found = []
    for name, path in scene_files(options.data).items():
        if options.scene and name not in options.scene:
            continue
        missing = missing_file(path, options.data)
        if missing:
            print(f"{name}: left out, {missing} is not in the data folder")
            continue
        for seed in range(options.first, options.first + options.seeds):
            found += _of_scene(name, path, seed, options)
    return sorted(found, key=lambda cell: (cell.seed, cell.per_class > 0))


def _of_scene(name: str, path: Path, seed: int, options: argparse.Namespace) -> Iterator[Cell]:
    """The cells of one seed."""
    settings, tasks = dict(pair.split("=", 1) for pair in options.set), tasks_of(path)
    names = options.method or ([one.name for one in methods()] if reported(name) else ALTERNATIVES)
    chosen = [one for one in methods() if one.task in tasks and one.name in names]
    if not reported(name):
        chosen = chosen if seed < CHOICE_SEEDS else []
    elif FLOORS in (options.method or [FLOORS]) and (seed == 0 or "classify" in tasks):
        yield Cell(name, FLOORS, seed)
    for one in chosen:
        yield Cell(name, one.name, seed, settings, options.per_class, options.validation)
        if not (settings or options.per_class or options.validation):
            yield from _unlike_shipped(name, path, one, seed, options)


def _unlike_shipped(name: str, path: Path, one: Method, seed: int, options: argparse.Namespace) -> Iterator[Cell]:
    """A method on a scene as it is not shipped: without guidance, presets, few training pixels, settings tried."""
    if one.task == "unmix_and_classify" and reported(name):
        yield Cell(name, one.name, seed, UNGUIDED)
    if options.presets and name == PRESET_SCENES.get(one.name, ("",))[0] and seed < PRESET_SEEDS:
        yield from (Cell(name, one.name, seed, {"preset": preset}) for preset in ("quick", "thorough"))
    if options.curves and has_curves(path) and reported(name) and one.task != "unmix" and seed < CURVE_SEEDS:
        yield from (Cell(name, one.name, seed, per_class=number) for number in CURVE)
    if options.ablations and reported(name):
        yield from (Cell(name, one.name, seed, {ablations.KEY: parts}) for parts in ablations.TRIED.get(one.name, ()))
    if options.choices and (not reported(name) or is_simulated(path)) and seed < CHOICE_SEEDS:
        yield from (Cell(name, one.name, seed, dict([text.split("=")])) for text in ALTERNATIVES.get(one.name, ()))


class Runner:
    """Computes cells, some at once, each with its share of the cores."""

    def __init__(self, data: Path, results: Results, jobs: int) -> None:
        self.data, self.results, self.jobs = data, results, jobs
        known = about()
        packages = {name: known["packages"][name] for name in ("torch", "numba", "numpy", "scikit-learn")}
        self.stamp = {"python": known["python"], **packages, "cpu": processor(), "commit": _commit()}
        self.threads = max(1, (os.cpu_count() or 1) // jobs)
        self.failed: list[str] = []

    def run(self, todo: list[Cell]) -> None:
        """Compute all; what fails is told and the others go on."""
        with ThreadPoolExecutor(self.jobs) as executor:
            list(executor.map(self._one, todo))

    def _one(self, cell: Cell) -> None:
        name = f"{cell.scene} {cell.variant} seed {cell.seed}"
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            (folder / "request.json").write_text(json.dumps(asdict(cell)), encoding="utf-8")
            command = [sys.executable, "-m", "tests.benchmarks.cell", str(self.data), f"{made}/request.json", made]
            threads = {f"{one}_NUM_THREADS": str(self.threads) for one in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
            environment = {**os.environ, **threads, "OMP_WAIT_POLICY": "PASSIVE"}
            ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            if ended.returncode:
                said = (ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"])[-1]
                self.failed.append(f"{name}: {said}")
                print(self.failed[-1], flush=True)
                return
            row = json.loads((folder / "cell.json").read_text(encoding="utf-8"))
            with np.load(folder / "arrays.npz", allow_pickle=False) as file:
                arrays = {key: file[key] for key in file.files}
        now = datetime.now(timezone.utc).strftime("%Y-%m-%d")
        self.results.add(cell.scene, cell.variant, cell.seed, {**row, **self.stamp, "date": now}, arrays)
        print(f"{name}: " + "  ".join(f"{key} {row[key]:.4g}" for key in SHOWN if key in row), flush=True)


def _finished(results: Results, cell: Cell) -> bool:
    """Whether a cell need not be computed; the reference's pictures do not come with the repository."""
    there = cell.seed in results.rows(cell.scene, cell.variant)
    return there and (cell.method != FLOORS or cell.seed > 0 or bool(results.arrays(cell.scene, FLOORS)))


def processor() -> str:
    """What computes here, and on how many cores."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {os.cpu_count()} cores" if names else f"{os.cpu_count()} cores"


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return asked.stdout.strip() or "unknown"


def parsed() -> Any:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scene", action="append", help="only this scene; may be given more than once")
    parser.add_argument("--method", choices=[FLOORS, *(one.name for one in methods())], action="append")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, help="cells computed at once")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method")
    parser.add_argument("--per-class", type=int, default=0, help="at most so many training pixels of each class")
    switch = argparse.BooleanOptionalAction
    parser.add_argument("--curves", action=switch, default=True, help="also 5, 10, 20 and 50 training pixels per class")
    parser.add_argument("--presets", action=switch, default=True, help="also the presets, where they are measured")
    parser.add_argument("--choices", action=switch, default=True, help="also other settings, where they are tried")
    parser.add_argument("--ablations", action="store_true", help="also every network without each of its parts: hours")
    parser.add_argument("--validation", action="store_true", help="score validation pixels: for choosing settings")
    parser.add_argument("--results", type=Path, help="where finished cells are kept")
    parser.add_argument("--again", action="store_true", help="compute finished cells again")
    parser.add_argument("--page-only", action="store_true", help="write the page from the finished cells")
    return parser.parse_args()


def main() -> int:
    """Compute what is missing, then write the page."""
    options = parsed()
    trial = bool(options.validation or options.set or options.results)
    with tempfile.TemporaryDirectory() as aside:
        results = Results(options.results or (Path(aside) if trial else SHIPPED))
        asked = [] if options.page_only else cells(options)
        runner = Runner(options.data, results, options.jobs)
        runner.run([one for one in asked if options.again or not _finished(results, one)])
        for scene in sorted({one.scene for one in asked}):
            print("\n" + tables(results, scene))
        if not trial:
            write_page(results)
            print(f"Written: {PAGE.relative_to(ROOT)}")
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
