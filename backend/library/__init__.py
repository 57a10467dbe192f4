"""Spectral libraries: read and written in any format, brought to a sensor's bands, pruned, matched.

Arrays and files only: no scenes, no jobs. Only this package touches library files.
"""

from .envi import read_sli, write_sli
from .files import class_columns, read_library, write_library
from .matching import Match, match_library
from .pruning import Measures, measures, prune
from .resampling import covered, resample
from .spectra import Library
from .table import write_csv

__all__ = [
    "Library",
    "Match",
    "Measures",
    "class_columns",
    "covered",
    "match_library",
    "measures",
    "prune",
    "read_library",
    "read_sli",
    "resample",
    "write_csv",
    "write_library",
    "write_sli",
]
