"""What libraries say of a damaged file, as a sentence: they know many errors, and nobody can name them all before."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import ParseError  # nosec B405 # the name of an error, parses nothing

from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError

_THEIRS = (
    RasterioError,
    CPLE_BaseError,
    OSError,
    RuntimeError,
    LookupError,
    TypeError,
    ArithmeticError,
    EOFError,
    ParseError,
    struct.error,
    zlib.error,
    UnboundLocalError,  # pyogrio raises it where a layer's coordinate system cannot be written out
)
"""Errors by which GDAL, HDF5, numpy and Python's own readers say that a file makes no sense."""


def is_sentence(error: ValueError) -> bool:
    """Whether an error is one of Mixel's refusals, not one of a library or of Python itself."""
    own = type(error) is ValueError or type(error).__module__.startswith(f"{__package__}.")
    return own and str(error).rstrip().endswith((".", "?", "!"))


@contextmanager
def damage_told(path: str | Path) -> Iterator[None]:
    """Within the block a file of strangers is read: an error that is no sentence becomes one that names the file."""
    try:
        yield
    except ValueError as error:
        if is_sentence(error):
            raise
        raise _refusal(path, error) from error
    except _THEIRS as error:
        raise _refusal(path, error) from error


def _refusal(path: str | Path, error: Exception) -> ValueError:
    return ValueError(
        f"{Path(path).name} cannot be read: it is damaged, or not of the kind that its name says "
        f"({type(error).__name__}: {error}). Get the file anew or choose another one."
    )
