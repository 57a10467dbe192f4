"""Training pixels: from a vector layer or a class raster to a list of pixels of known class."""

from .balance import class_weights, limit
from .classes import Class, make_classes
from .given import read_labels
from .pixels import Grid, Labels
from .raster import read_raster_labels
from .vector import read_vector_labels

__all__ = [
    "Class",
    "Grid",
    "Labels",
    "class_weights",
    "limit",
    "make_classes",
    "read_labels",
    "read_raster_labels",
    "read_vector_labels",
]
