"""From what GDAL calls a part of a file to the file, and which files only the backend understands. No QGIS inside."""

from __future__ import annotations

import os
import re
from typing import List

_PREFIX = re.compile(r"\w{2,}:|\d:")
"""Of a driver, and what it puts before the path: GTIFF_DIR:off:1234:, HDF4_EOS:EOS_GRID:. One letter is a disk."""
_PACKED = re.compile(r"/vsizip/")
_MAGIC = (b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x0e\x03\x13\x01", b"PK\x03\x04", b"\x1f\x8b")
"""How HDF5, netCDF, HDF4, zip and gzip begin."""


def file_behind(source: str) -> str:
    """The local file or folder that holds what a GDAL name means; empty if there is none.

    Knows names of parts (``HDF5:"/a.he5"://group/cube``, ``NETCDF:/a.nc:cube``, ``ZARR:"/a.zarr":/cube``,
    ``GTIFF_DIR:2:/a.tif``, with and without quotes) and of files in zip archives (``/vsizip//a.zip/b.tif``).
    """
    packed = _PACKED.match(source)
    if packed:
        return _archive(source[packed.end() :])
    if source.startswith("/vsi"):
        return ""  # on a server, in memory
    if os.path.exists(source):
        return source
    rest = source
    while True:
        prefix = _PREFIX.match(rest)
        if not prefix:
            return ""
        rest = rest[prefix.end() :]
        found = _part(rest)
        if found:
            return found


def is_container(path: str) -> bool:
    """Whether a path is a folder, or a file that may hold several rasters: what it means is the backend's to say."""
    if os.path.isdir(path):
        return True
    try:
        with open(path, "rb") as file:
            begin = file.read(8)
    except OSError:
        return False
    return begin.startswith(_MAGIC)


def _part(rest: str) -> str:
    """The file in ``"path":part`` or ``path:part``: the longest beginning that exists."""
    if rest.startswith('"'):
        rest = rest[1:].split('"', 1)[0]
    packed = _PACKED.match(rest)
    if packed:
        return _archive(rest[packed.end() :])
    ends = [len(rest), *(place for place in range(len(rest) - 1, 0, -1) if rest[place] == ":")]
    return next((rest[:end] for end in ends if os.path.isabs(rest[:end]) and os.path.exists(rest[:end])), "")


def _archive(inside: str) -> str:
    """The archive in ``/a/b.zip/c.tif`` or ``{/a/b.zip}/c.tif``: the shortest beginning that is a file."""
    if inside.startswith("{"):
        path = inside[1:].split("}", 1)[0]
        return path if os.path.isfile(path) else ""
    parts: List[str] = inside.split("/")
    beginnings = ("/".join(parts[:number]) for number in range(1, len(parts) + 1))
    return next((path for path in beginnings if os.path.isfile(path)), "")
