"""Good, doubtful, bad: how a sentence in the panel is coloured, on light and dark themes."""

from __future__ import annotations

import re
from enum import Enum
from html import escape
from typing import List, Tuple

from qgis.PyQt.QtGui import QPalette
from qgis.PyQt.QtWidgets import QLabel, QWidget

_LONG = re.compile(r"[^\s/\\-]{25,}")
"""Words that no narrow panel has room for: Qt breaks lines at spaces, slashes and hyphens only."""
_JOINT = re.compile(r"(?:[^\W_]{24}|[_.,;])(?=\w)")
"""Where such a word may be broken: after a mark, and within endless letters."""


class Tone(Enum):
    """What a sentence means for the user: its colour on light ground and on dark ground."""

    PLAIN = ("", "")
    GOOD = ("#1b7f3b", "#6fd08c")
    DOUBT = ("#8a5a00", "#f0b94a")
    BAD = ("#b3261e", "#ff8a80")
    LINK = ("#0a58a6", "#7db7ff")


def lines_in_tones(widget: QWidget, lines: List[Tuple[Tone, str]]) -> str:
    """Lines (rich text) one below the other, each coloured for its tone and the widget's theme."""
    return "<br>".join(_coloured(text, colour_of(widget, tone)) for tone, text in lines)


def rich(text: str) -> str:
    """A plain text as rich text that can be broken over lines."""
    return escape(breakable(text))


def breakable(text: str) -> str:
    """The text, with places where lines may end within long words such as the names of products."""
    return _LONG.sub(lambda word: _JOINT.sub("\\g<0>\u200b", word.group()), text)


def colour_of(widget: QWidget, tone: Tone) -> str:
    """The colour of a tone on the widget's ground; empty for that of its text."""
    dark = widget.palette().color(QPalette.ColorRole.Window).lightness() < 128
    return tone.value[1 if dark else 0]


def set_tone(label: QLabel, tone: Tone) -> None:
    """Colour a plain label as a whole."""
    colour = colour_of(label, tone)
    label.setProperty("tone", tone.name.lower())
    label.setStyleSheet(f"color: {colour};" if colour else "")


def _coloured(text: str, colour: str) -> str:
    return f'<span style="color: {colour}">{text}</span>' if colour else text
