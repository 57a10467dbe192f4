"""How good files are spoilt: bytes, numbers, words, parts of HDF5 files, whole files. All by one source of chance."""

from __future__ import annotations

import hashlib
import json
import random
import re
from pathlib import Path

import h5py
import numpy as np
from mixel.backend.model import CARD, WEIGHTS

NUMBERS = (
    "0", "-1", "1", "1e400", "-1e400", "NaN", "inf", "-inf", "99999999999999999999", "2147483648", "4294967295",
    "65536", "0.0000001", "1e-320", "", "null", "true", "0x10", "1,5", "12 34",
)  # fmt: skip
WORDS = (
    "", " ", "\0", "\n", "'", '"', "{", "}", "[", "]", "<", "&", "&#0;", "%s", "{0}", "../..", "/dev/null", "=1+1",
    "µm", "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"), "x" * 5000, "[" * 3000,
    "http://127.0.0.1:9/", "水",
)  # fmt: skip
TEXT = (".hdr", ".xml", ".json", ".vrt", ".csv", ".txt", ".geojson", ".rpb", ".raw", ".prj", ".cpg")
VALUES = (np.nan, np.inf, -np.inf, 0, -1, 1e30, -1e30, 1e-30, 65535, -9999)


def spoil(folder: Path, chance: random.Random) -> None:
    """Spoil one to three files of a folder, or one of them again."""
    spoilt: set[Path] = set()
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if files:
            path = chance.choice(files)
            _spoil_file(path, chance, fresh=path not in spoilt)
            spoilt.add(path)
    if (folder / CARD).is_file() and (folder / WEIGHTS).is_file() and chance.random() < 0.7:
        _sign(folder)


def _spoil_file(path: Path, chance: random.Random, fresh: bool) -> None:
    """``fresh``: it is whole as yet; HDF5 itself may crash when it writes into a damaged file."""
    if chance.random() < 0.02:
        path.unlink()
        return
    content = path.read_bytes()
    if content[:8] == b"\x89HDF\r\n\x1a\n" and fresh and chance.random() < 0.7 and _spoil_hdf5(path, chance):
        return
    if (path.suffix.lower() in TEXT or path.name.startswith(".z")) and chance.random() < 0.8:
        path.write_bytes(_spoilt_text(content.decode("latin-1"), chance).encode("latin-1", "replace"))
        return
    path.write_bytes(_spoilt_bytes(bytearray(content), chance))


def _spoilt_bytes(content: bytearray, chance: random.Random) -> bytes:
    if not content:
        return chance.randbytes(20)
    # Most of a format stands in its first bytes.
    at = chance.randrange(min(len(content), chance.choice((64, 512, len(content)))))
    how = chance.randrange(6)
    if how == 0:
        for _ in range(chance.choice((1, 1, 2, 8))):
            content[chance.randrange(at + 1)] = chance.randrange(256)
    elif how == 1:
        content[at] ^= 1 << chance.randrange(8)
    elif how == 2:
        del content[at:]
    elif how == 3:
        del content[at : at + chance.choice((1, 4, 100))]
    elif how == 4:
        content[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80"))
    else:
        content[at:at] = content[: chance.choice((1, 16, 300))]
    return bytes(content)


def _spoilt_text(text: str, chance: random.Random) -> str:
    how = chance.randrange(6)
    found = list(re.finditer(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?" if how < 3 else r"[A-Za-z_]{2,}", text))
    if how < 5 and found:
        one = chance.choice(found)
        other = chance.choice(NUMBERS if how < 3 else WORDS) if chance.random() < 0.8 else chance.choice(found).group()
        return text[: one.start()] + other.encode("utf-8", "replace").decode("latin-1") + text[one.end() :]
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    how = chance.randrange(3)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines[at:at] = [lines[at]] * chance.choice((1, 2, 50))
    else:
        other = chance.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


def _spoil_hdf5(path: Path, chance: random.Random) -> bool:
    """Change an attribute, a value, a shape or a name in an HDF5 file; whether that was possible."""
    try:
        with h5py.File(path, "r+") as file:
            names: list[str] = []
            file.visit(names.append)
            name = chance.choice(names)
            item = file[name]
            how = chance.randrange(6)
            if how == 0 and len(item.attrs):
                key = chance.choice(sorted(item.attrs))
                if chance.random() < 0.3:
                    del item.attrs[key]
                else:
                    item.attrs[key] = chance.choice((*VALUES, "", "x" * 400, [1.0] * 40, np.bytes_(b"\xff\xfe")))
            elif how == 1 and isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf":
                values = item[()]
                flat = np.atleast_1d(values).astype(np.float64).ravel()
                places = [chance.randrange(flat.size) for _ in range(chance.choice((1, 3, flat.size)))]
                flat[places] = chance.choice(VALUES)
                with np.errstate(all="ignore"):
                    item[...] = flat.reshape(np.shape(values)).astype(item.dtype)
            elif how == 2 and isinstance(item, h5py.Dataset):
                values = item[()]
                del file[name]
                file[name] = chance.choice((np.zeros(3), np.zeros((2, 2)), np.float32(1), "text", values))
            elif how == 3:
                del file[name]
            elif how == 4:
                file.move(name, f"{name}_")
            else:
                other = chance.choice(names)
                del file[name]
                file[name] = h5py.SoftLink(f"/{other}")
    except (OSError, LookupError, ValueError, RuntimeError, TypeError):
        return False
    return True


def _sign(folder: Path) -> None:
    """State the digest of the weights as they are now: a stranger would."""
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except ValueError:
        return
    if isinstance(card, dict) and "sha256" in card:
        card["sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
        (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
