"""Where the backend's Python lives, and which one this machine needs. Reads folders, changes nothing.

Every Python is a virtual environment in a folder ``python-<accelerator>-<hash of its lock file>`` of Mixel's
per-user data folder, which lies outside QGIS's profile and the plugin's folder: both are replaced on upgrades. A
new lock file means a new folder, whatever Python QGIS has.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess  # nosec B404 # for the error's name; child.py starts nvidia-smi with fixed arguments
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .child import PLUGIN_ROOT, run
from .ownership import complaint

LOCKS = PLUGIN_ROOT / "resources" / "environment"
READY = "ready.json"
ACCELERATORS = ("cpu", "cu126", "cu130")
"""Builds of torch: for the processor, or for CUDA 12.6 or 13.0."""
UNSAFE = (
    "Mixel's folder is not safe to run programs from, because {wrong}: set MIXEL_HOME to a folder that only you can "
    "write to, or take that right away from others."
)
"""The sentence for what :func:`.ownership.complaint` says."""
MARKER_SIZE = 10_000
"""Characters that are read of a marker, which has about 100."""


class InstallError(Exception):
    """The backend's Python cannot be made or used; the text is a sentence that says what to do."""


def home() -> Path:
    """Mixel's per-user data folder; the environment variable ``MIXEL_HOME`` overrides it."""
    given = os.environ.get("MIXEL_HOME", "")
    if given:
        return Path(given).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "Mixel"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Mixel"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mixel"


def log_path() -> Path:
    """What the last creation printed."""
    return home() / "install.log"


def lock_file(accelerator: str) -> Path:
    """The lock file for this machine. InstallError if there is none for its system."""
    system, machine = platform.system(), platform.machine().lower()
    kind = "cpu" if accelerator == "cpu" else "cuda"
    if system == "Linux" and machine in ("x86_64", "amd64"):
        return LOCKS / f"linux-x86_64-{accelerator}.txt"
    if system == "Windows" and machine in ("x86_64", "amd64"):
        return LOCKS / f"windows-{kind}.txt"
    if system == "Darwin" and machine == "arm64" and kind == "cpu":
        return LOCKS / "macos-arm64.txt"
    raise InstallError(
        f"Mixel cannot make its Python on {system} {machine} by itself: make a Python with torch and the packages of "
        f"{LOCKS.name} there, and choose it on the Python page of Mixel's panel."
    )


@dataclass(frozen=True)
class Place:
    """One of the backend's Pythons: the folder, which need not exist, and what goes into it."""

    folder: Path
    lock: Path
    accelerator: str

    @property
    def python(self) -> Path:
        """The interpreter."""
        windows = sys.platform == "win32"
        return self.folder / ("Scripts/python.exe" if windows else "bin/python")

    def made(self) -> Optional[Dict[str, Any]]:
        """What the marker says that is written last; None if it is not there: nothing, or half made.

        A marker of another build or with fields of wrong types is none; neither is one behind a link.
        """
        if self.folder.is_symlink():
            return None
        try:
            with (self.folder / READY).open(encoding="utf-8") as file:
                content = json.loads(file.read(MARKER_SIZE))
        except (OSError, ValueError, RecursionError):
            return None
        return content if _is_marker(content) and content["accelerator"] == self.accelerator else None


def _is_marker(content: Any) -> bool:
    if not isinstance(content, dict) or not all(isinstance(content.get(name), str) for name in ("accelerator", "lock")):
        return False
    time = content.get("time")
    return type(time) in (int, float) and 0 <= time < 1e12


def place(accelerator: str) -> Place:
    """Where the Python with this build of torch belongs, by the lock file as it is now."""
    lock = lock_file(accelerator)
    try:
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:8]
    except OSError as error:
        raise InstallError(f"Mixel's file {lock.name} is missing: install the plugin again.") from error
    return Place(home() / f"python-{accelerator}-{digest}", lock, accelerator)


def current() -> List[Place]:
    """The finished Pythons that fit the lock files, the one made last first."""
    possible = []
    for accelerator in ACCELERATORS if sys.platform != "darwin" else ("cpu",):
        possible.append(place(accelerator))
    finished = [(item.made() or {}, item) for item in possible]
    return [item for made, item in sorted(finished, key=lambda pair: -pair[0].get("time", 0)) if made]


def folders() -> List[Path]:
    """All folders of Pythons: finished, half made, outdated, and what a deletion left."""
    return sorted(path for pattern in ("python-*", "deleted-*") for path in home().glob(pattern))


def choose_accelerator(wanted: str = "auto") -> Tuple[str, str]:
    """The build of torch for ``auto``, ``cpu`` or ``cuda``, and a sentence why.

    InstallError if ``cuda`` is wanted and no NVIDIA GPU with a driver that is new enough is there.
    """
    if wanted not in ("auto", "cpu", "cuda"):
        raise ValueError(f"The accelerator must be 'auto', 'cpu' or 'cuda', not {wanted!r}.")
    if wanted == "cpu":
        return "cpu", "torch for the processor was asked for."
    accelerator, reason = _fitting_build()
    if wanted == "cuda" and accelerator == "cpu":
        raise InstallError(f"{reason} Choose the processor instead ('cpu').")
    return accelerator, reason


def nvidia_smi() -> List[Path]:
    """Where NVIDIA's driver puts its program, by its full path: PATH could lead to anybody's."""
    if sys.platform == "win32":
        system = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32"
        older = Path(os.environ.get("PROGRAMFILES", r"C:\Program Files")) / "NVIDIA Corporation" / "NVSMI"
        return [folder / "nvidia-smi.exe" for folder in (system, older)]
    # Distributions; Windows' subsystem for Linux; containers; NixOS.
    folders = ("/usr/bin", "/usr/lib/wsl/lib", "/usr/local/nvidia/bin", "/usr/local/bin", "/run/current-system/sw/bin")
    return [Path(folder) / "nvidia-smi" for folder in folders]


def _fitting_build() -> Tuple[str, str]:
    if sys.platform == "darwin":
        return "cpu", "CUDA does not exist on macOS; torch for the processor is used."
    program = next((path for path in nvidia_smi() if path.is_file()), None)
    if program is None:
        return "cpu", "No NVIDIA driver was found; torch for the processor is used."
    try:
        shown = run([str(program)], timeout=20)
        query = [str(program), "--query-gpu=compute_cap", "--format=csv,noheader"]
        listed = run(query, timeout=20, stderr=subprocess.DEVNULL)
    except OSError:
        return "cpu", "The NVIDIA driver does not answer; torch for the processor is used."
    driver = re.search(r"CUDA(?: UMD)? Version:\s*(\d+)\.(\d+)", shown.stdout)
    if shown.returncode or not driver:
        return "cpu", "The NVIDIA driver does not answer; torch for the processor is used."
    cuda = (int(driver.group(1)), int(driver.group(2)))
    gpus = [(int(major), int(minor)) for major, minor in re.findall(r"^\s*(\d+)\.(\d+)\s*$", listed.stdout, re.M)]
    return _build_for(cuda, max(gpus) if gpus else None)


def _build_for(cuda: Tuple[int, int], capability: Optional[Tuple[int, int]]) -> Tuple[str, str]:
    """The build for a driver's CUDA version and the best GPU's compute capability, if that is known.

    torch 2.13 for CUDA 13.0 has kernels for 7.5 and newer, for CUDA 12.6 up to 9.0; any driver of a CUDA major
    version runs all builds of that version.
    """
    name = f"The NVIDIA driver has CUDA {cuda[0]}.{cuda[1]}"
    if cuda >= (13, 0) and (capability is None or capability >= (7, 5)):
        return "cu130", f"{name}; torch for CUDA 13.0 is used."
    if cuda >= (12, 0) and (capability is None or (5, 0) <= capability < (10, 0)):
        return "cu126", f"{name}; torch for CUDA 12.6 is used."
    if cuda < (13, 0) and (capability is None or capability >= (7, 5)):
        return "cpu", f"{name}, too old for this GPU: update the driver to 580 or newer to use it."
    return "cpu", f"{name}, but torch does not support this GPU any more; torch for the processor is used."


class Found(NamedTuple):
    """The interpreter to use, or None and a sentence that says what to do."""

    python: Optional[Path]
    reason: str


def find(given: str = "") -> Found:
    """The backend's interpreter, found in a moment by looking at files only.

    ``given`` is an interpreter that the user chose instead of Mixel's own; nothing else is tried then.
    """
    if given:
        path = Path(given).expanduser()
        if path.is_file():
            return Found(path, "")
        return Found(None, f"The chosen Python {given} does not exist: choose another, or let Mixel make its own.")
    try:
        made = current()
    except InstallError as error:
        return Found(None, str(error))
    for item in made:
        if item.python.is_file():
            wrong = complaint(home()) or complaint(item.folder)
            return Found(None, UNSAFE.format(wrong=wrong)) if wrong else Found(item.python, "")
    if made:
        return Found(
            None, "The Python that Mixel's own was made with has gone: repair it on the Python page of Mixel's panel."
        )
    names = [path.name for path in folders() if not path.name.startswith("deleted-")]
    if any((home() / name / READY).exists() for name in names):
        return Found(
            None,
            "Mixel's Python belongs to another version of Mixel: make it anew on the Python page of Mixel's panel.",
        )
    if names:
        return Found(
            None,
            "Mixel's Python is half made: wait until it is ready, or make it anew on the Python page of Mixel's panel.",
        )
    return Found(None, "Mixel's Python is not made yet: make it on the Python page of Mixel's panel.")
