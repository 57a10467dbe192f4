"""Names that files of strangers give to classes and spectra, as every file that Mixel writes can hold them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 200
"""Characters; longer texts are no names, and pictures of them take minutes."""
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Control characters, halves of characters and what is none: XML, UTF-8 or a report cannot hold them."""
_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
_NUMBER = re.compile(r"\s*[+-]?[0-9]+([.,][0-9]+)?\s*")


def plain(text: str) -> str:
    """A name as it is shown and compared: a space for what cannot be shown, none at its ends, characters composed."""
    return unicodedata.normalize("NFC", UNFIT.sub(" ", text)).strip()


def cell(text: str) -> str:
    """A name as a cell of a CSV file: one that spreadsheets would run as a formula gets an apostrophe before it."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_cell(text: str) -> str:
    """The name that :func:`cell` wrote."""
    return text[1:] if text.startswith("'") and cell(text[1:]) == text else text


def is_showable(text: str) -> bool:
    """Whether a text holds nothing that cannot be shown."""
    return UNFIT.search(text) is None


def check_lengths(names: Iterable[str]) -> None:
    """ValueError, a sentence, if the name of a class is too long."""
    for name in names:
        if len(name) > LONGEST:
            raise ValueError(
                f"The class name '{name[:40]}...' has {len(name):,} characters; {LONGEST} at most are possible. "
                "Shorten it, or choose another field or file."
            )
