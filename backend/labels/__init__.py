"""Training pixels and areas: from a vector layer or a raster on the scene's grid to pixels."""

from .area import Area, read_area
from .balance import class_weights, limit
from .classes import Class, make_classes
from .given import read_labels
from .map import ClassMap, read_map
from .pixels import Grid, Labels
from .raster import read_raster_labels
from .vector import read_vector_labels

__all__ = [
    "Area",
    "Class",
    "ClassMap",
    "Grid",
    "Labels",
    "class_weights",
    "limit",
    "make_classes",
    "read_area",
    "read_labels",
    "read_map",
    "read_raster_labels",
    "read_vector_labels",
]
