"""Cases that failed: kept as small zips with what was wrong with them, and unpacked again."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

FOUND = Path(__file__).parent / "found"
LARGEST = 300_000
"""Bytes of a case that is kept in the repository."""
_CARD = "case.json"


@dataclass(frozen=True)
class Case:
    """``seed`` and ``number`` make it; ``path``: what is read, below the folder of its files; ``what`` went wrong."""

    seed: str
    number: int
    path: str
    what: str

    @property
    def file(self) -> str:
        """The zip's name."""
        return f"{self.seed.replace(' ', '-')}-{self.number}.zip"


def keep(case: Case, folder: Path, target: Path = FOUND) -> str:
    """Pack the files of a case; a sentence of where they are."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_CARD, json.dumps(case.__dict__, indent=1))
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.stat().st_size < 50 * LARGEST:
                archive.write(path, f"files/{path.relative_to(folder)}")
    if packed.tell() > LARGEST:
        return f"too large to be kept; make it again: {case.seed!r} {case.number}"
    target.mkdir(exist_ok=True)
    (target / case.file).write_bytes(packed.getvalue())
    return f"kept as {case.file}"


def unpack(file: Path, folder: Path) -> tuple[Case, Path]:
    """The case of a zip, and the path to be read."""
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    case = Case(**json.loads((folder / _CARD).read_text(encoding="utf-8")))
    return case, folder / "files" / case.path
