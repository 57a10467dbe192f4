"""Endmembers: which pixels of a scene are its pure materials, and how many materials there are.

Arrays in, arrays out: no files, no scenes, no jobs. Pixels go in, indices of pixels come out, so that each endmember
can be shown where it lies.
"""

from .extraction import nfindr, ppi, sivm, vca
from .number import Count, hysime, virtual_dimensionality
from .subspace import Integers, principal, simplex_volume

__all__ = [
    "Count",
    "Integers",
    "hysime",
    "nfindr",
    "ppi",
    "principal",
    "simplex_volume",
    "sivm",
    "vca",
    "virtual_dimensionality",
]
