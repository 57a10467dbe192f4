"""Abundances: how much of each known endmember is in every pixel.

Arrays in, arrays out: no files, no scenes, no jobs. Each function solves its problem exactly, pixel by pixel, so that
a pixel's result depends neither on its neighbours nor on the number of threads.
"""

from .least_squares import errors, fully_constrained, nonnegative, sparse, unconstrained
from .mesma import Mesma, mesma

__all__ = ["Mesma", "errors", "fully_constrained", "mesma", "nonnegative", "sparse", "unconstrained"]
