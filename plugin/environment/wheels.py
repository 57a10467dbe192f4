"""What wheels without a hash in the lock file hold: nothing of that is installed before it was looked at."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Iterable, List

from .places import InstallError

_STARTERS = ("sitecustomize", "usercustomize")
"""Modules that every Python imports when it starts, as it runs every ``.pth`` file."""


def looked_at(folder: Path, hashed: Iterable[str]) -> List[Path]:
    """The wheels of a folder that have to be installed: all but those of the packages ``hashed``.

    Those come later, checked by their hashes. InstallError if one of the others holds what every start of Python
    would run, or is damaged.
    """
    names = set(hashed)
    wheels = [path for path in sorted(folder.glob("*.whl")) if _package(path) not in names]
    for wheel in wheels:
        try:
            with zipfile.ZipFile(wheel) as archive:
                strange = [name for name in archive.namelist() if _starts_by_itself(name)]
        except (OSError, zipfile.BadZipFile) as error:
            raise InstallError(
                f"The file {wheel.name} of the package {_package(wheel)} is damaged: check the network and try again."
            ) from error
        if strange:
            raise InstallError(
                f"The package {_package(wheel)} holds {strange[0][-60:]}, which every start of Python would run; the "
                "true one does not: take the index or folder that it came from out of pip's settings ('pip config "
                "list' shows them) and try again."
            )
    return wheels


def _package(wheel: Path) -> str:
    return wheel.name.split("-")[0].lower().replace("_", "-").replace(".", "-")


def _starts_by_itself(name: str) -> bool:
    parts = name.lower().replace("\\", "/").split("/")
    return parts[-1].endswith(".pth") or any(part.split(".")[0] in _STARTERS for part in parts)
