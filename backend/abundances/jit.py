"""The kernels of this folder are compiled and kept as those of the scan are.

Their place below the scan's cache folder carries a digest of this folder's files, because Numba looks at the time
stamp of one file only and these kernels are spread over several.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

from ..scan.jit import cache_folder, inlined, settings

__all__ = ["inlined", "kernel"]


@cache
def _folder() -> Path:
    digest = hashlib.sha256(__name__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    folder = cache_folder() / f"abundances-{digest.hexdigest()[:16]}"
    folder.mkdir(exist_ok=True)
    return folder


def kernel(function: Callable[..., Any]) -> Any:
    """Compile at first call, from then on load from the cache folder; runs without the interpreter's lock."""
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(_folder())
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    finally:
        settings.CACHE_DIR = before
