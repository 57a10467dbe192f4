"""Splits of labelled pixels into training, validation and test, and how honest they are."""

from .blocks import automatic_block, block_split, resampling_blocks
from .leaks import Leakage, leakage
from .others import given_split, random_split
from .split import Split

__all__ = [
    "Leakage",
    "Split",
    "automatic_block",
    "block_split",
    "given_split",
    "leakage",
    "random_split",
    "resampling_blocks",
]
