"""The pixels that quality flags and the product's own mask leave out, window by window, and how many they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...cube import Mask, Window
from ...products.product import Product

ROWS = 256
"""Of a strip that is looked at at once."""


@dataclass
class Shares:
    """How many pixels each flag marks, of those that the product's own mask lets count."""

    counted: int = 0
    left: int = 0
    """Of them: not marked by any flag that is left out."""
    marked: dict[str, int] = field(default_factory=dict)

    def of(self, flag: str) -> float:
        """The share of pixels with this flag, 0 to 1."""
        return self.marked.get(flag, 0) / max(self.counted, 1)

    @property
    def masked(self) -> float:
        """The share of pixels that the chosen flags leave out, 0 to 1."""
        return 1 - self.left / max(self.counted, 1)


def has_mask(product: Product, flags: Sequence[str]) -> bool:
    """Whether anything but nodata can leave out a pixel."""
    first = Window(0, 0, min(ROWS, product.facts.rows), product.facts.cols)
    return product.usable(first, flags) is not None


def masks(product: Product, flags: Sequence[str], shares: Shares) -> Iterator[tuple[Window, Mask]]:
    """Strips from top to bottom with the pixels (rows, cols) that count; ``shares`` counts along."""
    facts = product.facts
    for row in range(0, facts.rows, ROWS):
        window = Window(row, 0, min(ROWS, facts.rows - row), facts.cols)
        plain = usable(product, window, [])
        shares.counted += int(plain.sum())
        for one in facts.flags:
            marked = plain & ~usable(product, window, [one.name])
            shares.marked[one.name] = shares.marked.get(one.name, 0) + int(marked.sum())
        counts = usable(product, window, flags)
        shares.left += int((plain & counts).sum())
        yield window, counts


def usable(product: Product, window: Window, flags: Sequence[str]) -> Mask:
    """The pixels (rows, cols) that count, also where the product says nothing."""
    found = product.usable(window, flags)
    return np.ones((window.rows, window.cols), bool) if found is None else found
