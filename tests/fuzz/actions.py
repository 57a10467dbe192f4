"""What reads each kind of file, and what may come of it: a result, or one sentence of ours."""

from __future__ import annotations

import contextlib
import traceback
import warnings
from dataclasses import replace
from pathlib import Path

import scenes
import torch
from mixel.backend.description import describe
from mixel.backend.labels import Grid, read_area, read_raster_labels, read_vector_labels
from mixel.backend.library import class_columns, read_library
from mixel.backend.model import read_model
from mixel.backend.protocol import Job, decode
from mixel.backend.reading import Reading
from mixel.backend.scene import Scene
from mixel.backend.sentence import LONGEST, short
from mixel.backend.tasks.running import run
from rasterio.crs import CRS

GRID = Grid(CRS.from_epsg(32633), scenes.GRID["transform"], scenes.ROWS, scenes.COLS)


class _Enough(Exception):
    """The job was taken: what follows is the run."""


def _scene(path: Path) -> list[str]:
    told = describe(str(path))
    if told.refusal:
        return [*told.notices, short(told.refusal)]
    with Scene(str(path), reading=Reading.beside(str(path))) as scene:
        for window in scene.windows(200):
            scene.read(window)
        return [*told.notices, *scene.notices]


def _areas(path: Path) -> list[str]:
    with contextlib.suppress(ValueError):
        read_area({"path": str(path)}, GRID)
    return read_vector_labels(str(path), None, "class", GRID).notices


def _library(path: Path) -> list[str]:
    with contextlib.suppress(ValueError):
        class_columns(path)
    read_library(path)
    return []


def _model(path: Path) -> list[str]:
    read_model(path).restored(torch.device("cpu"))
    return []


def _job(path: Path) -> list[str]:
    def stop(event: object) -> None:
        raise _Enough

    job = Job.read(path)
    with contextlib.suppress(_Enough):
        run(replace(job, output=str(path.parent / "out"), device="cpu"), stop)
    return []


def _reading(path: Path) -> list[str]:
    Reading.of_file(path)
    return []


def _events(path: Path) -> list[str]:
    for line in path.read_bytes().split(b"\n") if path.is_file() else ():
        with contextlib.suppress(ValueError):
            decode(line.decode("utf-8"))
    return []


ACTIONS = {
    "scene": _scene,
    "areas": _areas,
    "class raster": lambda path: read_raster_labels(path, GRID).notices,
    "library": _library,
    "model": _model,
    "job": _job,
    "reading": _reading,
    "events": _events,
}


def fault(kind: str, path: Path) -> str:
    """What is wrong with how a file is read; empty if it is read, or refused by a sentence of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            told = ACTIONS[kind](path)
        except ValueError as error:
            if type(error) is not ValueError:
                return _where(error)
            foreign = _wrong([short(str(error))], str(path.parent))
            return foreign and f"{foreign} {_where(error)}"
        except Exception as error:
            return _where(error)
    return _wrong(told, str(path.parent))


def _wrong(told: list[str], folder: str) -> str:
    for one in told:
        if len(one.replace(folder, "")) > LONGEST:
            return f"A sentence of {len(one)} characters: {one[:80]}"
        if "\n" in one or not one.rstrip().endswith((".", "?", "!")):
            return f"No sentence: {one[:200]!r}"
    return ""


def _where(error: BaseException) -> str:
    """The error and the last place of ours on its way: faults of one kind look alike."""
    ours = [one for one in traceback.extract_tb(error.__traceback__) if "/backend/" in one.filename]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].name}" if ours else ""
    return f"{type(error).__name__} in {place}: {str(error)[:200]}"
