"""Accuracy of a class map: figures, how sure they are, areas of classes, and samples to check a map by."""

from .areas import AreaAdjusted, area_adjusted, cochran_sample_size
from .bootstrap import Intervals, McNemar, bootstrap_intervals, difference_interval, mcnemar, no_interval
from .confusion import Confusion, confusion, expected_calibration_error, negative_log_likelihood
from .sampling import allocate, count_classes, stratified_sample

__all__ = [
    "AreaAdjusted",
    "Confusion",
    "Intervals",
    "McNemar",
    "allocate",
    "area_adjusted",
    "bootstrap_intervals",
    "cochran_sample_size",
    "confusion",
    "count_classes",
    "difference_interval",
    "expected_calibration_error",
    "mcnemar",
    "negative_log_likelihood",
    "no_interval",
    "stratified_sample",
]
