"""Which axis of a cube holds the bands, which the rows and which the columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .places import X_NAMES, Y_NAMES

Axes = tuple[int, int, int]
_SPECTRAL = ("wave", "band", "spectral", "channel")


def axes_of(shape: Sequence[int], bands: int, usual: Axes | None, path: Path, names: Sequence[str] = ()) -> Axes:
    """Positions of bands, rows and columns among a cube's three axes.

    ``bands``: how many there must be; ``usual``: the positions by the product's specification, taken where they fit,
    or None; ``names`` of the axes, if the file names them. ValueError, a sentence, if no axis or no single one fits.
    """
    if len(shape) != 3:
        raise ValueError(f"The scene {path} holds no cube of three axes where one is due. Download the file again.")
    fitting = [axis for axis in range(3) if shape[axis] == bands]
    if not fitting:
        raise ValueError(
            f"The scene {path} names {bands} wavelengths, but its cube of {' x '.join(map(str, shape))} has no axis "
            "of that length. Download the file again."
        )
    known = [name.lower() for name in names] if len(names) == 3 else [""] * 3
    if any(word in name for axis, name in enumerate(known) if axis not in fitting for word in _SPECTRAL):
        known = [""] * 3  # names that the sizes contradict
    named = [axis for axis in fitting if any(word in known[axis] for word in _SPECTRAL)]
    fitting = [axis for axis in fitting if known[axis] not in X_NAMES | Y_NAMES] or fitting
    if len(named) == 1:
        axis = named[0]
    elif usual is not None and usual[0] in fitting:
        axis = usual[0]
    elif len(fitting) == 1:
        axis = fitting[0]
    else:
        raise ValueError(
            f"In the scene {path} two axes have a length of {bands}, and which of them holds the bands cannot be told. "
            "Write the scene as GeoTIFF or ENVI."
        )
    row, col = usual[1:] if usual is not None and axis == usual[0] else (one for one in range(3) if one != axis)
    return (axis, col, row) if known[row] in X_NAMES or known[col] in Y_NAMES else (axis, row, col)
