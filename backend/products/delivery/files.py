"""Where the files of a product lie together: a folder, or a zip as the agency delivers it, which is read in place."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

import rasterio
from rasterio.errors import RasterioError

LARGEST_TEXT = 64 << 20
"""Bytes of a metadata file that is read."""
LARGEST_PACKED = 64 << 20
"""Bytes of a packed zip within a zip that is unpacked to see what lies in it; one that is only stored may be larger."""
MOST_FOLDERS, DEEPEST = 20, 3
"""So many folders within a folder are looked into, down to so many levels."""
MOST_NAMES = 3
"""Names in a sentence."""
Parts = dict[str, str]
"""What files are of a product, in capitals, to their names within the delivery."""
Key = tuple[str, str]
"""Folder and base, in small letters, of files that belong together."""


@dataclass(frozen=True)
class Delivery:
    """A folder or a zip, and what lies in it: ``names``, with "/" between folders."""

    path: Path
    names: tuple[str, ...]
    zipped: bool = False

    def gdal_path(self, name: str) -> str:
        """The path by which GDAL opens a file of it."""
        if not self.zipped:
            return str(self.path / name)
        inner, _, entry = name.rpartition("!/")
        outer = f"/vsizip/{{{self.path.absolute().as_posix()}}}"
        return f"/vsizip/{{{outer}/{inner}}}/{entry}" if inner else f"{outer}/{entry}"

    def on_disk(self, name: str) -> Path:
        """The file on the disk that holds a file of it: the file itself, or the zip."""
        return self.path if self.zipped else self.path / name

    def raster(self, name: str) -> Any:
        """A raster of it, opened by rasterio. ValueError, a sentence, if that cannot be done."""
        try:
            return rasterio.open(self.gdal_path(name))
        except (RasterioError, UnicodeError) as error:
            raise ValueError(
                f"The file {_last(name)} in {self.path} cannot be opened as a raster ({error}). Copy or download the "
                "product again."
            ) from error

    def content(self, name: str) -> bytes:
        """A small file of it, whole. ValueError, a sentence, if it cannot be read or is too large."""
        try:
            with self._stream(name) as stream:
                found = stream.read(LARGEST_TEXT + 1)
        except (OSError, RuntimeError, NotImplementedError, zipfile.BadZipFile, EOFError) as error:
            raise ValueError(
                f"The file {_last(name)} in {self.path} cannot be read ({error}). Copy or download the product again."
            ) from error
        if len(found) > LARGEST_TEXT:
            raise ValueError(f"The file {_last(name)} in {self.path} is too large for a metadata file.")
        return found

    @contextmanager
    def _stream(self, name: str) -> Iterator[IO[bytes]]:
        with ExitStack() as stack:
            if not self.zipped:
                yield stack.enter_context(open(self.path / name, "rb"))
                return
            inner, _, entry = name.rpartition("!/")
            packed = stack.enter_context(zipfile.ZipFile(self.path))
            if inner:
                packed = stack.enter_context(zipfile.ZipFile(stack.enter_context(packed.open(inner))))
            yield stack.enter_context(packed.open(entry))


def delivery_at(path: Path) -> Delivery | None:
    """The folder or zip at a path; None for anything else. ValueError, a sentence, if it cannot be looked into."""
    try:
        if path.is_dir():
            return Delivery(path, tuple(_in_folder(path)))
        if path.suffix.lower() == ".zip" and path.is_file():
            return Delivery(path, tuple(_in_zip(path)), zipped=True)
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error}). Check that it is there and that you may read it."
        ) from error
    return None


@dataclass(frozen=True)
class Found:
    """One product in a delivery: ``parts`` to names within the delivery; ``chosen``, the part a user picked, or ""."""

    delivery: Delivery
    base: str
    parts: Parts
    chosen: str = ""

    @property
    def zipped(self) -> bool:
        """Whether the user would have to unpack it to choose another part."""
        return self.delivery.zipped


def find(
    path: Path, pattern: re.Pattern[str], keep: Callable[[str, Parts], bool] = lambda base, parts: True
) -> Found | None:
    """The product at a path: a file of it, its folder or its zip. None where there is none.

    ``pattern`` matches a whole file name; its groups: ``base``, equal in all files of a product, ``part``, what a file
    is of it, and, if it has one, ``cog``: whether the file is only another form of the part. ``keep``: whether files of
    one base are a product. ValueError, a sentence, if there are several to choose from.
    """
    chosen = pattern.fullmatch(path.name) if path.is_file() else None
    inside = Delivery(path.parent, tuple(sorted(_names(path.parent)))) if chosen else delivery_at(path)
    if inside is None:
        return None
    products: dict[Key, Parts] = {}
    bases: dict[Key, str] = {}
    for name in sorted(inside.names, key=lambda name: _is_other_form(pattern, name)):
        match = pattern.fullmatch(_last(name))
        if match:
            at = (name[: -len(_last(name))], match["base"].lower())
            products.setdefault(at, {}).setdefault(match["part"].upper(), name)
            bases[at] = match["base"]
    if chosen:
        parts = {**products[("", chosen["base"].lower())], chosen["part"].upper(): path.name}
        return Found(inside, chosen["base"], parts, chosen["part"].upper()) if keep(chosen["base"], parts) else None
    kept = [one for one in _joined(products) if keep(bases[one[0]], one[1])]
    if len(kept) > 1:
        raise ValueError(_choose(path, [next(iter(parts.values())) for _, parts in kept]))
    return Found(inside, bases[kept[0][0]], kept[0][1]) if kept else None


def _joined(products: dict[Key, Parts]) -> list[tuple[Key, Parts]]:
    """Products whose files lie in several folders, or in zips of their own, as one; two copies stay two."""
    found: list[tuple[Key, Parts]] = []
    for at, parts in products.items():
        same = next((own for key, own in found if key[1] == at[1] and not own.keys() & parts.keys()), None)
        if same is None:
            found.append((at, parts))
        else:
            same.update(parts)
    return found


def _is_other_form(pattern: re.Pattern[str], name: str) -> bool:
    match = pattern.fullmatch(_last(name))
    return match is not None and bool(match.groupdict().get("cog"))


def _choose(path: Path, names: list[str]) -> str:
    listed = ", ".join(_last(name) for name in names[:MOST_NAMES]) + (" and more" if len(names) > MOST_NAMES else "")
    holds = "The folder" if path.is_dir() else "The zip"
    ask = "Choose" if path.is_dir() else "Unpack it, and choose"
    return f"{holds} {path} holds {len(names)} products. {ask} a file of one of them: {listed}."


def _last(name: str) -> str:
    return PurePosixPath(name).name


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]


def _in_folder(path: Path) -> Iterator[str]:
    """Names of files in a folder and in the first few folders below it."""
    waiting = [("", 1)]
    for _ in range(MOST_FOLDERS + 1):
        if not waiting:
            return
        prefix, level = waiting.pop(0)
        try:
            with os.scandir(path / prefix) as entries:
                inside = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
        except OSError:
            if not prefix:
                raise
            continue  # a folder that nobody may read belongs to no product
        yield from (prefix + name for name, is_folder in inside if not is_folder)
        if level < DEEPEST:
            waiting += [(f"{prefix}{name}/", level + 1) for name, is_folder in inside if is_folder]


def _in_zip(path: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as packed:
            for entry in packed.infolist():
                if _counts(entry):
                    yield entry.filename
                    yield from _in_inner_zip(packed, entry)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ValueError(
            f"The file {path} is no whole zip ({error}). Copy or download it again, or unpack it and choose the folder."
        ) from error


def _in_inner_zip(packed: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[str]:
    """What lies in a zip within a zip, as some orders come; nothing where looking into it would take long."""
    stored = entry.compress_type == zipfile.ZIP_STORED
    if not entry.filename.lower().endswith(".zip") or not (stored or entry.file_size <= LARGEST_PACKED):
        return
    try:
        with packed.open(entry) as file:
            inner: Any = file if stored else BytesIO(file.read(LARGEST_PACKED))
            with zipfile.ZipFile(inner) as within:
                found = [f"{entry.filename}!/{one.filename}" for one in within.infolist() if _counts(one)]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        return
    yield from found


def _counts(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a file that can be read; macOS packs a shadow of each file."""
    readable = not entry.is_dir() and not entry.flag_bits & 1
    return readable and not entry.filename.startswith("__MACOSX/") and not _last(entry.filename).startswith(".")
