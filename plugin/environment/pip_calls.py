"""The calls of pip that fill the backend's Python, and how far each is by the lines it prints."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import List, NamedTuple, Set, Tuple

TORCH_INDEX = "https://download.pytorch.org/whl/"


class Pin(NamedTuple):
    """One line of a lock file."""

    requirement: str
    """As pip reads it, without its hashes."""
    hashes: Tuple[str, ...]
    """SHA-256 of all files that may be installed; empty for what is on no index that the lock's maker could read."""

    @property
    def name(self) -> str:
        """The package's."""
        return re.split(r"[=<>!~;\[ ]", self.requirement)[0]


def pins(lock: Path) -> List[Pin]:
    """What a lock file pins."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    told = (line.strip() for line in text.splitlines())
    parts = (line.split("--hash=") for line in told if line and not line.startswith("#"))
    return [Pin(first.strip(), tuple(item.strip() for item in hashes)) for first, *hashes in parts]


def unhashed(lock: Path) -> List[Pin]:
    """Torch, where its build is not on the package index; of everything else the lock has hashes."""
    return [pin for pin in pins(lock) if not pin.hashes and pin.name == "torch"]


def torch_arguments(torch: Pin, build: str, versions: Path) -> List[str]:
    """Fetch torch alone, so that its index serves nothing else.

    A CUDA build for Linux brings the CUDA libraries it pins itself; ``versions`` is a file with all others, for pip to
    keep to. Two retries of 15 s: where torch's own index is out of reach, a mirror or a folder in pip's settings has
    it, and nobody waits for minutes.
    """
    alone = ["--retries", "2", "--timeout", "15", "--extra-index-url", TORCH_INDEX + build]
    libraries = build != "cpu" and sys.platform.startswith("linux")
    return [*alone, f"{torch.requirement}+{build}", *(["--constraint", str(versions)] if libraries else ["--no-deps"])]


def write_requirements(lock: Path, file: Path, hashes: bool) -> None:
    """Write all of a lock file that has hashes, with or without them, for pip to read."""
    rows = []
    for pin in pins(lock):
        if pin.hashes:
            rows.append(" ".join([pin.requirement, *(f"--hash={item}" for item in pin.hashes if hashes)]))
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")


def locked_arguments(requirements: Path) -> List[str]:
    """Install what the lock has hashes of. It is complete: nothing that it does not pin may come in."""
    return ["--no-deps", "--require-hashes", "--requirement", str(requirements)]


def fetch(python: Path, folder: Path, arguments: List[str], pip: Tuple[int, int]) -> List[str]:
    """The command that puts wheels into a folder and installs nothing."""
    return [*_pip(python, "download", pip), "--dest", str(folder), *arguments]


def fetched_arguments(wheels: List[Path]) -> List[str]:
    """Install these files and nothing else."""
    return ["--no-deps", "--no-index", *map(str, wheels)]


def install(python: Path, arguments: List[str], pip: Tuple[int, int]) -> List[str]:
    """The command for one installation by a pip of this version. pip's own settings hold: mirrors, proxies."""
    return [*_pip(python, "install", pip), "--no-warn-script-location", *arguments]


def _pip(python: Path, command: str, pip: Tuple[int, int]) -> List[str]:
    bar = "raw" if pip >= (24, 1) else "off"
    options = ["--disable-pip-version-check", "--no-input", "--only-binary=:all:", "--progress-bar", bar]
    return [str(python), "-m", "pip", command, *options]


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
        elif line.startswith(("Successfully installed", "Successfully downloaded")):
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
