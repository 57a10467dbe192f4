"""How the process treats memory that was used and freed, and how it knows that there is none left.

Training frees and asks again for the same megabytes in every step; by default the C library returns them to the system
each time, and getting them back costs as much as the scan.
"""

from __future__ import annotations

import ctypes
import mmap
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK, _MOST_KEPT = 2**25, 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next request; True where that is possible (glibc).

    For the start of a process that computes and then ends; a second call changes nothing.
    """
    if not sys.platform.startswith("linux"):
        return False
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(tune and tune(_MMAP_THRESHOLD, _LARGEST_BLOCK) and tune(_TRIM_THRESHOLD, _MOST_KEPT))


_SIGNS = (
    "out of memory",
    "allocate memory",
    "failed to map segment",
    "bad_alloc",
    "start new thread",
    "paging file is too small",
)
"""How libraries that have no MemoryError say that the memory did not suffice."""
_LIBRARY = 2**28
"""Bytes: what loading one large library takes."""
_LIBRARIES = 2**29
"""Bytes: what numpy, scipy and GDAL take together."""


def ran_out(error: BaseException) -> bool:
    """Whether an error, or one that led to it, comes from too little memory."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError) or any(sign in str(seen).lower() for sign in _SIGNS):
            return True
        seen = seen.__cause__ or seen.__context__
    return isinstance(error, (ImportError, OSError)) and "load" in str(error) and not _has_room(_LIBRARY)


def check_room() -> None:
    """MemoryError if there is too little to load even the libraries that every task needs.

    OpenBLAS asks for ever for memory that it does not get.
    """
    if not _has_room(_LIBRARIES):
        raise MemoryError


def _has_room(size: int) -> bool:
    """Whether so many bytes could be had: some loaders do not say why they failed."""
    try:
        mmap.mmap(-1, size).close()
    except (OSError, MemoryError):
        return False
    return True
