"""Output folders: whether one can take a run, and a fresh one beside a scene."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..backend.protocol import INPUTS, JOB_FILE, LOG_FILE, PARTIAL, Job
from ..backend.unfinished import is_alive, moved

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
    """ValueError unless nothing is in the folder but what a run that did not reach its end has left there."""
    found = {item.name for item in folder.iterdir()} if folder.is_dir() else set()
    if PARTIAL in found:
        _check_leftovers(folder / PARTIAL)
        found -= {PARTIAL, *moved(folder)}
    drafted = f"{JOB_FILE}.part"  # a request that was being written when everything ended
    requested = JOB_FILE in found and not _has_record(folder / JOB_FILE, True)
    if found <= {JOB_FILE, LOG_FILE, INPUTS, drafted} and (requested or (drafted in found and JOB_FILE not in found)):
        return
    if JOB_FILE in found:
        raise ValueError(f"The folder {folder} already holds a run. Choose another folder; nothing is overwritten.")
    if found:
        raise ValueError(
            f"The folder {folder} already holds files ({min(found)}). Choose a new or empty folder; nothing is "
            "overwritten."
        )


def _check_leftovers(partial: Path) -> None:
    """ValueError unless a folder of unfinished files belongs to a run that has ended."""
    if partial.is_symlink() or not partial.is_dir():
        raise ValueError(
            f"In the folder {partial.parent} a link or a file takes the place of Mixel's folder {PARTIAL}. Remove it "
            "or choose another folder."
        )
    if is_alive(partial):
        raise ValueError(
            f"A Mixel run is writing to {partial.parent}. Wait for its end or choose another folder; if no run is "
            f"under way, delete the folder {PARTIAL} in it."
        )


def _has_record(job: Path, unreadable: bool) -> bool:
    """Whether a run was finished: it leaves its record in its job. ``unreadable``: the answer where nobody can tell."""
    try:
        return bool(Job.read(job).record)
    except ValueError:
        return unreadable


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
    """Take the traces of a cancelled run out of its folder, and the folder if nothing else is in it.

    A run that had just brought all its results into place keeps them, with its record.
    """
    if _has_record(folder / JOB_FILE, False):
        return
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
