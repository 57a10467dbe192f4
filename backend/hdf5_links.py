"""Where an HDF5 file points to: groups that lead back to themselves, and values that lie in other files.

A group that contains itself is endless to a library that follows its links; GDAL is such a library.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
DEEPEST = 60
"""Groups within groups. Products have five."""
MOST = 50_000
"""Links that are looked at; more of them are no scene's."""


def check_hdf5_links(path: str | Path) -> list[str]:
    """Sentences about other files that an HDF5 file takes values from; most take none, and other kinds of files pass.

    ValueError, a sentence, if its groups lead in a circle or are without end. A file that cannot be read passes too:
    whoever reads it says so.
    """
    given = Path(path)
    if not _is_hdf5(given):
        return []
    walk = _Walk(given)
    try:
        with h5py.File(given, "r") as file:
            walk.into(file, ())
    except (OSError, RuntimeError, KeyError, TypeError):  # damaged
        pass
    if not walk.elsewhere:
        return []
    shown = sorted(walk.elsewhere)[0]
    more = f" and {len(walk.elsewhere) - 1} more" if len(walk.elsewhere) > 1 else ""
    return [f"{given.name} takes values from other files: {shown}{more}."]


def _is_hdf5(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError):
        return False


class _Walk:
    """Through all groups of a file, along every link within it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.elsewhere: set[str] = set()
        self._done: set[int] = set()
        self._links = 0

    def into(self, group: Any, above: tuple[int, ...]) -> None:
        """Look at a group and all below it; ``above``: the places in the file of the groups that led here."""
        place = h5py.h5o.get_info(group.id).addr
        if place in above or len(above) > DEEPEST:
            raise ValueError(
                f"The groups of {self.path.name} lead in a circle ({group.name}): the file is damaged or was made to "
                "do harm. Get it anew or choose another one."
            )
        if place in self._done:
            return
        for name in group:
            self._links += 1
            if self._links > MOST:
                raise ValueError(
                    f"{self.path.name} holds more than {MOST:,} groups and data sets, and is no scene. Choose another "
                    "file."
                )
            self._follow(group, name, (*above, place))
        self._done.add(place)

    def _follow(self, group: Any, name: str, above: tuple[int, ...]) -> None:
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            self.elsewhere.add(os.fsdecode(link.filename))
            return
        try:
            item = group[name]
        except (KeyError, OSError, RuntimeError):  # it leads nowhere
            return
        if isinstance(item, h5py.Group):
            self.into(item, above)
        elif isinstance(item, h5py.Dataset):
            self.elsewhere.update(os.fsdecode(one[0]) for one in item.external or ())
            if item.is_virtual:
                self.elsewhere.update(os.fsdecode(one.file_name) for one in item.virtual_sources())
                self.elsewhere.discard(".")
