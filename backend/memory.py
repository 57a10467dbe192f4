"""How the process treats memory that was used and freed. Training frees and asks again for the same megabytes in every
step; by default the C library returns them to the system each time, and getting them back costs as much as the scan.
"""

from __future__ import annotations

import ctypes
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
