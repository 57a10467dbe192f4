"""Arrays of Zarr version 3, shown to GDAL as version 2, whose decoders it has: chunks are the same bytes elsewhere."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from rasterio.abc import FileContainer

ROOT = "array.zarr"
"""Name by which GDAL knows the array's folder."""
DTYPES = {f"{word}{8 * size}": f"{kind}{size}" for word, kind in (("int", "i"), ("uint", "u")) for size in (1, 2, 4, 8)}
DTYPES |= {"float32": "f4", "float64": "f8"}
SHUFFLES = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}


class Version3(FileContainer):  # type: ignore[misc]
    """The folder of one array as a container of files for GDAL (rasterio's ``opener``)."""

    def __init__(self, folder: Path, described: Mapping[str, Any]) -> None:
        """``described``: what the array's zarr.json holds. ValueError, a sentence, for what GDAL cannot decode."""
        try:
            as_version_2, self._prefix = _translated(described)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"The Zarr array {folder} has a damaged description ({error}). Write it again.") from error
        except LookupError as error:
            raise ValueError(
                f"The Zarr array {folder} is stored by {error}, which Mixel cannot read. Write it as GeoTIFF."
            ) from error
        self._folder, self._described = folder, json.dumps(as_version_2).encode()

    def open(self, path: str, mode: str = "rb", **options: Any) -> BinaryIO:
        """A file that GDAL asks for."""
        inside = _inside(path)
        return io.BytesIO(self._described) if inside == ".zarray" else self._real(inside).open("rb")

    def isfile(self, path: str) -> bool:
        """Whether there is such a file."""
        inside = _inside(path)
        return inside == ".zarray" or (bool(inside) and self._real(inside).is_file())

    def isdir(self, path: str) -> bool:
        """Whether there is such a folder."""
        inside = _inside(path)
        return not inside or self._real(inside).is_dir()

    def ls(self, path: str) -> list[str]:
        """Names in a folder; chunks are asked for by name."""
        return [] if _inside(path) else [".zarray"]

    def mtime(self, path: str) -> int:
        """Not looked at."""
        return 0

    def size(self, path: str) -> int:
        """Bytes of a file."""
        inside = _inside(path)
        return len(self._described) if inside == ".zarray" else self._real(inside).stat().st_size

    def rm(self, path: str) -> None:
        """Nothing is ever removed."""
        raise OSError("read only")

    def _real(self, inside: str) -> Path:
        return self._folder / f"{self._prefix}{inside}"


def _inside(path: str) -> str:
    return str(path).replace("\\", "/").partition(ROOT)[2].strip("/")


def _translated(described: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The description as version 2, and how names of chunks begin. LookupError names what has no equal there."""
    endian, compressor = "<", None
    for codec in described["codecs"]:
        name, said = codec["name"], codec.get("configuration") or {}
        if name in ("bytes", "endian"):
            endian = ">" if said.get("endian") == "big" else "<"
        elif name in ("gzip", "zstd"):
            compressor = {"id": name, "level": said.get("level", 1)}
        elif name == "blosc":
            compressor = {"id": "blosc", "cname": said["cname"], "clevel": said.get("clevel", 5)}
            compressor |= {"shuffle": SHUFFLES[said.get("shuffle", "noshuffle")], "blocksize": said.get("blocksize", 0)}
        else:
            raise LookupError(f"the codec {name}")
    if described["data_type"] not in DTYPES:
        raise LookupError(f"the data type {described['data_type']}")
    if described["chunk_grid"]["name"] != "regular":
        raise LookupError(f"the chunk grid {described['chunk_grid']['name']}")
    keys = described.get("chunk_key_encoding") or {"name": "default"}
    plain = keys["name"] == "v2"
    separator = (keys.get("configuration") or {}).get("separator", "." if plain else "/")
    as_version_2 = {
        "zarr_format": 2,
        "shape": described["shape"],
        "chunks": described["chunk_grid"]["configuration"]["chunk_shape"],
        "dtype": ("|" if DTYPES[described["data_type"]].endswith("1") else endian) + DTYPES[described["data_type"]],
        "order": "C",
        "fill_value": described.get("fill_value"),
        "compressor": compressor,
        "filters": None,
        "dimension_separator": separator,
    }
    return as_version_2, "" if plain else f"c{separator}"
