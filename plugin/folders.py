"""Output folders: whether one can take a run, and a fresh one beside a scene."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..backend.protocol import INPUTS, JOB_FILE, LOG_FILE, PARTIAL, Job

_LEAST_FREE = 20e6
"""Bytes. Even a small run writes rasters, a report and a log; with less the disk is as good as full."""


def usable_folder(text: str) -> Path:
    """The folder as an absolute path. ValueError, a sentence, if a run could not write there or something is there."""
    if not text:
        raise ValueError("Choose an output folder.")
    folder = Path(os.path.abspath(text))
    parent = _existing(folder)
    if not parent.is_dir():
        raise ValueError(f"{parent} is a file, not a folder. Choose another output folder.")
    if not os.access(parent, os.R_OK | os.W_OK | os.X_OK):
        raise ValueError(f"You may not write to {parent}. Choose another output folder.")
    _check_empty(folder)
    if shutil.disk_usage(parent).free < _LEAST_FREE:
        raise ValueError(f"The disk of {parent} is full. Free some space or choose another output folder.")
    return folder


def _check_empty(folder: Path) -> None:
    """ValueError unless nothing is in the folder but what a run that failed has left, so that it can be tried again."""
    found = {item.name for item in folder.iterdir()} if folder.is_dir() else set()
    if JOB_FILE in found and found <= {JOB_FILE, LOG_FILE, INPUTS} and _has_failed(folder / JOB_FILE):
        return
    if JOB_FILE in found or PARTIAL in found:
        raise ValueError(f"The folder {folder} already holds a run. Choose another folder; nothing is overwritten.")
    if found:
        raise ValueError(
            f"The folder {folder} already holds files ({min(found)}). Choose a new or empty folder; nothing is "
            "overwritten."
        )


def _has_failed(job: Path) -> bool:
    """Whether the job was never done: a finished run leaves its record in it."""
    try:
        return not Job.read(job).record
    except ValueError:
        return False


def fresh_folder(scene: str, documents: str, suffix: str = "unmixed") -> Path:
    """A folder that does not exist yet: beside the scene if one may write there, else under ``documents``.

    ``suffix``: what is done to the scene, for the folder's name.
    """
    beside = Path(scene).parent
    parent = beside if os.access(beside, os.W_OK | os.X_OK) else Path(documents)
    stem = Path(scene).stem
    number, folder = 1, parent / f"{stem}_{suffix}"
    while folder.exists():
        number += 1
        folder = parent / f"{stem}_{suffix}_{number}"
    return folder


def forget_run(folder: Path) -> None:
    """Take the traces of a cancelled run out of its folder, and the folder if nothing else is in it."""
    for name in (JOB_FILE, LOG_FILE):
        (folder / name).unlink(missing_ok=True)
    forget_copies(folder)
    if not any(folder.iterdir()):
        folder.rmdir()


def forget_copies(folder: Path) -> None:
    """Take the copied layers of a run out of its folder; whatever else is in there stays."""
    copies = folder / INPUTS
    for path in copies.glob("*.gpkg*"):  # SQLite's own files too, which lie beside one that is being written
        path.unlink()
    if copies.is_dir() and not any(copies.iterdir()):
        copies.rmdir()


def _existing(folder: Path) -> Path:
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    return folder
