"""Where a file of text points to: virtual rasters and services name their sources, and nobody looks inside them.

Scenes, labels, libraries and models come from strangers. A local file that points to a server is refused with the
address, one that would open too many sources with their number; sources elsewhere on this computer are told.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

LARGEST = 50_000_000
"""Bytes of a text that is searched; larger ones are data and not descriptions."""
MOST_SOURCES = 1_000_000
"""Sources that a virtual raster may have, those of its virtual sources multiplied in."""
DEEPEST = 8
_HEADS = (b"<", b"{", b"\xef\xbb\xbf<", b"\xef\xbb\xbf{")
_REMOTE = re.compile(
    r"(?:/vsi(?:curl|s3|gs|az|adls|oss|swift|webhdfs|hdfs)[\w/?=&%:.,~+-]*|(?<![\w/])(?:https?|ftp|s3|gs|wss?):/{1,2}[^\s\"'<>|)]+)",
    re.I,
)
_SOURCE = re.compile(
    r"<(SourceFilename|SourceDataset|SrcDataSource|ServerUrl|GetCapabilitiesUrl|URL|ServiceURL)([^>]*)>([^<]*)<", re.I
)
_OPENED = '<Metadata domain="MIXEL">'
"""In scenes that Mixel made of a product: they lie in a folder beside it."""
_CODE = re.compile(r"<PixelFunctionLanguage[^>]*>\s*Python", re.I)
_CRS_LINK = re.compile(r'"crs"\s*:\s*\{[^{}]*"link"[^{}]*\{[^{}]*"href"\s*:\s*"([^"]+)"', re.I)


def check_links(path: str | Path) -> list[str]:
    """Sentences about local sources outside the file's folder; most files have none.

    ValueError, a sentence, if the file points to a server, holds code, or has more sources than can be opened.
    """
    given = Path(path)
    if _REMOTE.match(str(path)):
        raise ValueError(f"{path} lies on a server. Download it first, and choose the local file.")
    check_file(given)
    elsewhere: set[str] = set()
    counts: dict[Path, int] = {}
    if _sources(given, given, counts, elsewhere, 0) > MOST_SOURCES:
        raise ValueError(
            f"The virtual raster {given.name} stands for more than {MOST_SOURCES:,} sources. Export it as a GeoTIFF "
            "first."
        )
    if not elsewhere:
        return []
    shown = sorted(elsewhere)[0]
    more = f" and {len(elsewhere) - 1} more" if len(elsewhere) > 1 else ""
    return [f"{given.name} takes its pixels from files outside its folder: {shown}{more}."]


def check_file(path: Path) -> None:
    """ValueError, a sentence, if what lies there, beside it by the same name, or in the folder never ends.

    That are pipes and devices. Nothing may lie there.
    """
    if _never_ends(path):
        raise ValueError(f"{path} is a pipe or a device and no file. Choose a file.")
    folder, begins = (path, "") if path.is_dir() else (path.parent, f"{path.stem}.")
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(begins) and not entry.is_file() and _never_ends(Path(entry.path)):
                    raise ValueError(f"{entry.path} beside it is a pipe or a device and no file. Remove it.")
    except (OSError, UnicodeError):
        return


def _never_ends(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _sources(path: Path, first: Path, counts: dict[Path, int], elsewhere: set[str], depth: int) -> int:
    """How many files stand behind a file; of a virtual one those of its sources together."""
    if path in counts:
        return counts[path]
    text = _text(path)
    if text is None:
        return 1
    if depth > DEEPEST:
        raise ValueError(f"The virtual raster {first.name} is nested too deeply. Export it as a GeoTIFF first.")
    if _CODE.search(text):
        raise ValueError(
            f"{path.name} holds program code (a pixel function in Python), which Mixel never runs. Export it as a "
            "GeoTIFF first, in the program that made it."
        )
    counts[path] = 1  # one that names itself ends here
    total, found = 0, dict[str, int]()
    for tag, attributes, name in _SOURCE.findall(text):
        _refuse_remote(name, first)
        if tag.lower() in ("sourcefilename", "sourcedataset", "srcdatasource"):
            place = _located(name.strip(), attributes, path)
            if place not in found:
                found[place] = _sources(Path(place), first, counts, elsewhere, depth + 1)
                if not _within(place, first.parent.parent if _OPENED in text else first.parent):
                    elsewhere.add(place)
            total += found[place]
    for address in _CRS_LINK.findall(text[:100_000]):
        _refuse_remote(address, first)
    counts[path] = min(max(total, 1), 10 * MOST_SOURCES)
    return counts[path]


def _text(path: Path) -> str | None:
    """The text of a file that may point elsewhere; None of any other."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return None
        with path.open("rb") as file:
            head = file.read(512)
            if not head.lstrip().startswith(_HEADS):
                return None
            return (head + file.read()).decode("utf-8", "replace")
    except OSError:
        return None


def _refuse_remote(name: str, first: Path) -> None:
    found = _REMOTE.search(name)
    if found:
        raise ValueError(
            f"{first.name} points to {found.group()[:120]} on a server; Mixel fetches nothing that a file asks for. "
            "Download the data and choose the local file."
        )


def _located(name: str, attributes: str, path: Path) -> str:
    """A source's path: relative to the file that names it where the file says so."""
    relative = 'relativetovrt="1"' in attributes.lower().replace(" ", "") or not os.path.isabs(name)
    return os.path.normpath(path.parent / name) if relative else os.path.normpath(name)


def _within(place: str, allowed: Path) -> bool:
    folder = os.path.normpath(os.path.abspath(allowed))
    inside = os.path.abspath(place).startswith(folder.rstrip(os.sep) + os.sep)
    return inside or not os.path.exists(place)
