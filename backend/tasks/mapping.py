"""From windows to rasters: one thread reads ahead, one writes behind, the caller's function works in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import fields
from typing import TypeVar

from ..cube import Cube, Window
from ..outputs import RasterWriter
from ..protocol import Progress
from ..record import Run

R = TypeVar("R")
WINDOW = 128
"""The side of a window, in pixels, where nothing asks for another."""


def map_windows(
    run: Run,
    windows: list[Window],
    compute: Callable[[Cube], R],
    writers: dict[str, RasterWriter],
    add: Callable[[R], None],
    verb: str,
    start: float,
) -> None:
    """Compute a Result for every window's cube, halo included, and write the core of every field that has a writer.

    ``add`` takes in each core's Result, in order. ``verb``: what the user reads ("Unmixing"); ``start``: where the
    progress bar stands before the first window.
    """
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="writer") as writer:
        pending: Future[None] | None = None
        for number, cube in enumerate(run.scene.cubes(windows), start=1):
            if cube.valid[cube.window.core].any():  # else its rasters hold nodata already
                result = _core(compute(cube), cube.window)
                if pending:
                    pending.result()
                pending = writer.submit(_write, result, cube.window, writers)
                add(result)
            left = (time.monotonic() - began) * (len(windows) / number - 1)
            done = start + (1 - start) * number / len(windows)
            run.emit(Progress(done, f"{verb} window {number} of {len(windows)}", left))
        if pending:
            pending.result()


def notice_nodata(run: Run, pixels: int) -> None:
    """Say how much of the scene was left out; ``pixels``: how many hold data."""
    within = run.scene.within
    total, where = (within.pixels, " inside the area") if within else (run.scene.rows * run.scene.cols, "")
    if pixels < total:
        run.notice(f"{100 * (1 - pixels / total):.1f} % of the pixels{where} hold no data and were left out.")


def _core(result: R, window: Window) -> R:
    rows, cols = window.core
    values = {item.name: getattr(result, item.name) for item in fields(result)}  # type: ignore[arg-type]
    return type(result)(**{name: None if one is None else one[..., rows, cols] for name, one in values.items()})


def _write(result: object, window: Window, writers: dict[str, RasterWriter]) -> None:
    for name, writer in writers.items():
        writer.write(window, getattr(result, name))
