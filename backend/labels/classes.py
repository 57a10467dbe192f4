"""The classes of a training layer: values from 1, names as the analyst wrote them, colours told apart."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..names import check_lengths

MAX_CLASSES = 32767
"""As many as a class map of 16 bits holds."""
GOLDEN = 0.618033988749895
"""Steps of this size round the circle of hues never come close to an earlier one."""
SHADES = ((0.75, 0.90), (0.95, 0.65), (0.45, 0.95), (0.65, 0.75), (0.85, 0.45))
"""Saturation and brightness, in turn."""


@dataclass(frozen=True)
class Class:
    """One class: its value in maps (from 1), its name and its colour as #rrggbb."""

    value: int
    name: str
    colour: str


def make_classes(names: Sequence[str], colours: Mapping[str, str] | None = None, least: int = 2) -> tuple[Class, ...]:
    """Classes of these names, in this order; whose name has no colour of the form #rrggbb gets one of its own.

    ValueError if there are fewer than ``least`` (1 or 2) or more than 32767 of them, or a name is too long.
    """
    check_lengths(names)
    check_number(names)
    check_enough(names, least)
    given = {name: colour.lower() for name, colour in (colours or {}).items() if _is_colour(colour)}
    made = _fresh_colours({given[name] for name in names if name in given})
    return tuple(
        Class(value, name, given[name] if name in given else next(made)) for value, name in enumerate(names, start=1)
    )


def check_number(names: Sequence[str]) -> None:
    """ValueError, a sentence, if there are more classes than a map holds."""
    if len(names) > MAX_CLASSES:
        raise ValueError(
            f"There are {len(names)} classes; a class map holds {MAX_CLASSES} at most. Choose another field."
        )


def check_enough(names: Sequence[str], least: int, where: str = "on the scene's pixels") -> None:
    """ValueError, a sentence, if there are fewer than ``least`` (1 or 2) classes."""
    if len(names) < least:
        raise ValueError(
            f"There is only one class, {names[0]!r}, {where}; a classifier needs two or more. Add "
            "training areas of another class, or choose another field."
            if names
            else f"There is no class {where}. Draw areas there, or choose another layer."
        )


def _is_colour(text: object) -> bool:
    return isinstance(text, str) and re.fullmatch("#[0-9a-fA-F]{6}", text) is not None


def _fresh_colours(taken: set[str]) -> Iterator[str]:
    """Colours without end, always the same, none twice and none that is taken."""
    seen = set(taken)
    index = 0
    while True:
        saturation, brightness = SHADES[index % len(SHADES)]
        lift = 0.02 * (index // 360 % 5)  # hues in 8 bits repeat after some hundreds of steps
        red, green, blue = colorsys.hsv_to_rgb(index * GOLDEN % 1, saturation - lift, brightness - lift)
        colour = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
        index += 1
        if colour not in seen or index > 4 * MAX_CLASSES:
            seen.add(colour)
            yield colour
