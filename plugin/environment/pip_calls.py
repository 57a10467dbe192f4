"""The calls of pip that fill the backend's Python, and how far each is by the lines it prints."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import List, Set, Tuple

TORCH_INDEX = "https://download.pytorch.org/whl/"


def pins(lock: Path) -> List[str]:
    """The requirements of a lock file, without comments."""
    told = (line.strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [line for line in told if line and not line.startswith("#")]


def torch_arguments(lock: Path, build: str) -> List[str]:
    """Install torch alone, so that its index serves nothing else. Empty if the lock file has no torch.

    A CUDA build brings the CUDA libraries it pins itself. Two retries of 15 s: where torch's own index is out of
    reach, a mirror or a folder in pip's settings has it, and nobody waits for minutes.
    """
    torch = [line for line in pins(lock) if re.match(r"torch\s*==", line)]
    if not torch:
        return []
    alone = ["--retries", "2", "--timeout", "15"]
    if sys.platform == "darwin":
        return [*alone, "--no-deps", torch[0]]
    alone += ["--extra-index-url", TORCH_INDEX + build, f"{torch[0]}+{build}"]
    return [*alone, "--no-deps"] if build == "cpu" else [*alone, "--constraint", str(lock)]


def rest_arguments(lock: Path) -> List[str]:
    """Install everything else. The lock file is complete: nothing that it does not pin may come in."""
    return ["--no-deps", "--requirement", str(lock)]


def install(python: Path, arguments: List[str], pip: Tuple[int, int]) -> List[str]:
    """The command for one installation by a pip of this version. pip's own settings hold: mirrors, proxies."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--no-warn-script-location", "--only-binary=:all:"]
    return [*command, "--progress-bar", "raw" if pip >= (24, 1) else "off", *arguments]


class Reading:
    """How far one call of pip is: ``fraction`` 0 to 1, never backwards, and ``message``."""

    def __init__(self, packages: int, message: str) -> None:
        self.fraction = 0.0
        self.message = message
        self._packages = max(packages, 1)
        self._seen: Set[str] = set()

    def take(self, line: str) -> None:
        """Learn from one line."""
        word, _, rest = line.strip().partition(" ")
        if word in ("Collecting", "Requirement"):
            self._see(re.split(r"[=<>!~;( ]", rest.replace("already satisfied: ", ""))[0])
        elif word in ("Downloading", "Using", "Processing") and ".metadata" not in rest:
            size = re.search(r"\(([\d.]+ [kMG]?B)\)", rest)
            file = re.split(r"[\\/]", rest.replace("cached ", "").split(" (")[0].strip())[-1]
            name = self._see(file.split("-")[0])
            verb = "Downloading" if word == "Downloading" else "Reading"
            self.message = f"{verb} {name}" + (f" ({size.group(1)})" if size else "")
        elif word == "Progress":
            self._download(rest)
        elif line.startswith("Installing collected packages"):
            count = rest.count(",") + 1
            self._reach(0.75)
            self.message = f"Installing {count} packages" if count > 1 else f"Installing {rest.split(': ')[-1]}"
        elif line.startswith("Successfully installed"):
            self._reach(1.0)
        elif "Retrying" in line:
            self.message = "A package server does not answer; trying again"

    def _see(self, name: str) -> str:
        """Count a package, by whichever of its lines comes first."""
        name = name.lower().replace("_", "-")
        self._seen.add(name)
        self._reach(0.75 * (len(self._seen) - 1) / self._packages)
        return name

    def _download(self, rest: str) -> None:
        told = re.match(r"(\d+) of (\d+)", rest)
        # Small files, such as a package's metadata, would show as finished downloads.
        if told and int(told.group(2)) > 1_000_000:
            part = int(told.group(1)) / int(told.group(2))
            self._reach(0.75 * (max(len(self._seen), 1) - 1 + part) / self._packages)

    def _reach(self, fraction: float) -> None:
        self.fraction = max(self.fraction, min(fraction, 1.0))
