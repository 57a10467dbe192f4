"""Which files and folders are surely hyperspectral products, by their names: for what is dropped onto QGIS's window.

Everything else that is dropped there is QGIS's own; onto Mixel's panel anything can be dropped. No QGIS inside.
"""

from __future__ import annotations

import os
import re

_NAMES = re.compile(
    r"ENMAP0?\d?.*L(1B|1C|2A)|PRS_L(1|2[BCD])_|EMIT_L(1B|2A)_|DESIS-HSI-L|PACE_OCI\.|NEON_D\d\d_.*(reflectance|radiance)"
    r"|AV3\d{8}t|ang\d{8}t|f\d{6}t\d{2}p\d{2}|\d{8}_\d{6}_\d+_\w+_(basic|ortho)_(radiance|sr)\w*_hdf5"
    r"|EO1H\d{7}|GF5_AHSI|wyvern_dragonette",
    re.IGNORECASE,
)
_OWN_KINDS = (".zip", ".xml", ".he5", ".h5", ".hdf", ".hdf5", ".nc", ".zarr", "")
"""Ends of files that QGIS shows wrongly or not at all; a GeoTIFF is QGIS's."""
_MOST = 200
"""Entries of a folder that are looked at."""


def is_product(path: str) -> bool:
    """Whether a file or folder is called as agencies call their hyperspectral products, or holds such a file."""
    name = os.path.basename(os.path.normpath(path))
    if not os.path.isdir(path):
        kind = os.path.splitext(name)[1].lower()
        return kind == ".he5" or bool(kind in _OWN_KINDS and _NAMES.match(name))
    if _NAMES.match(name):
        return True
    try:
        with os.scandir(path) as entries:
            return any(_NAMES.match(entry.name) for entry, _ in zip(entries, range(_MOST)))
    except OSError:
        return False
