"""What every product gives: facts, places, and stored values window by window. The base of all readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..cube import Mask, Window
from ..facts import Facts
from ..place import Place

Stored = NDArray[np.generic]
Numbers = NDArray[np.float64]


class Product(ABC):
    """A scene as its agency or program stores it, open for reading.

    A reader sets these; ``None`` for arrays means that the file says nothing:

    ``facts``: what the file says of itself. ``place``: where its pixels lie. ``files``: all files it reads from, so
    that a change of one is noticed. ``gains``, ``offsets`` (bands,): value = gain * stored + offset. ``nodata``
    (bands,): the stored value of missing pixels, NaN for a band without one. ``block``: rows and columns of the pieces
    in which the file keeps its pixels; one is read whole for any pixel of it. ``stated``: whether the file says all
    that a survey of its pixels would find: what values mean, and which bands hold something.
    """

    facts: Facts
    place: Place
    files: tuple[Path, ...]
    gains: Numbers | None = None
    offsets: Numbers | None = None
    nodata: Numbers | None = None
    block: tuple[int, int] = (1, 1)
    stated: bool = False

    @abstractmethod
    def read(self, window: Window, bands: Sequence[int]) -> Stored:
        """Stored values (len(bands), rows, cols) of a window's core; ``bands`` count from 0 within the file.

        ValueError, a sentence, if the file cannot be read there.
        """

    def usable(self, window: Window, flags: Sequence[str]) -> Mask | None:
        """Which pixels (rows, cols) of a window's core count, by masks and these quality flags; None: all.

        ``flags``: names of the facts' flags whose marked pixels are left out. Nodata values are not looked at here.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Close what is open."""
