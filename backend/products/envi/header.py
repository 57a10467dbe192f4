"""ENVI headers, as instruments and programs write them: which one belongs to a file, and what it says."""

from __future__ import annotations

import re
from pathlib import Path

FIELD = re.compile(r"^[ \t]*([^=;{}\n]+?)[ \t]*=(?:\s*(\{[^}]*\}?)|([^\n]*))", re.MULTILINE)
LARGEST = 4_000_000
"""Bytes of a header that are read: hundreds of bands take some ten thousand."""
OTHER_FORMATS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"\x89HDF", b"CDF", b"PK\x03\x04")
"""How files begin that have a format of their own and may still have an ENVI header beside them."""
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def header_of(path: Path) -> Path | None:
    """The ENVI header beside a raw binary file, found as GDAL finds it, or None if there is none.

    ``scene.bip.hdr`` goes before ``scene.hdr``; capitals do not matter.
    """
    if not path.is_file() or path.suffix.lower() == ".hdr":
        return None
    for name in (path.with_name(f"{path.name}.hdr"), path.with_suffix(".hdr")):
        for one in (name, name.with_suffix(".HDR")):
            if is_header(one):
                return None if _starts(path).startswith(OTHER_FORMATS) else one
    return None


def is_header(path: Path) -> bool:
    """Whether a file is an ENVI header."""
    return path.is_file() and _starts(path).startswith(b"ENVI")


def read_header(header: Path) -> dict[str, str]:
    """The fields of a header: keys in small letters, values without their braces. OSError if it cannot be read."""
    with header.open("rb") as file:
        content = file.read(LARGEST)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = iter(re.sub(r"=\s*\{", "= {", text).splitlines())
    fields = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not equals or line.lstrip().startswith(";"):
            continue
        if value.lstrip().startswith("{") and "}" not in value:
            parts = [value]
            for more in lines:
                parts.append(more)
                if "}" in more:
                    break
            value = "\n".join(parts)
        fields[" ".join(key.replace("_", " ").split()).lower()] = value.strip().strip("{}").strip()
    return fields


def numbers(text: str) -> list[float]:
    """All numbers in a text."""
    return [float(one) for one in NUMBER.findall(text)]


def _starts(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError:
        return b""
