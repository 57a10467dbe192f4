"""Regenerate the lock files beside this script: ``python3 resources/environment/lock.py [--upgrade]``.

Not used at run time. Needs network, Python 3.11 or newer, and pip and uv in the Python that runs it. uv resolves the
packages of ``backend/packages.py`` once for all platforms and all Pythons of :data:`PYTHONS`; each lock file holds
what of it one platform and build of torch gets, with the SHA-256 of every wheel of these releases for that platform.
The pins of the present lock files stay as they are, unless ``--upgrade`` is given. The index is the one of pip's
configuration, else uv's own default.
"""

from __future__ import annotations

import re
import subprocess  # nosec B404 # runs this Python's own pip and uv with fixed lists of arguments
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple

import tomllib
from pip._vendor.packaging.markers import Marker

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from backend.packages import PACKAGES, WINDOWS_CUDA, WISHES  # noqa: E402 # the checkout is no installed package

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
CUDA = re.compile(r"(nvidia|cuda|triton)(-|$)")
"""Names of what only builds of torch for CUDA need."""
PLATFORMS = {
    "linux-x86_64": {"platform_system": "Linux", "sys_platform": "linux", "platform_machine": "x86_64"},
    "windows": {"platform_system": "Windows", "sys_platform": "win32", "platform_machine": "AMD64"},
    "macos-arm64": {"platform_system": "Darwin", "sys_platform": "darwin", "platform_machine": "arm64"},
}
WHEELS = {
    "linux-x86_64": re.compile(r"manylinux\w*_x86_64$|linux_x86_64$"),
    "windows": re.compile(r"win_amd64$"),
    "macos-arm64": re.compile(r"macosx_\w+_(arm64|universal2)$"),
}
"""The platform tags of a wheel that runs there; ``any`` does everywhere."""


class Lock(NamedTuple):
    """One lock file: its platform, whether it is for CUDA, and why torch has no hash in it (empty: it has)."""

    platform: str
    cuda: bool
    reason: str


OWN = (
    "torch has no hash here: its build for {} is not on the package index, only on torch's own, which the\n"
    "# maker of this file could not read. It is fetched in a step of its own, and looked at before it is installed."
)
LIBRARIES = (
    "\n# So are the CUDA libraries that this build pins itself: which ones, only its metadata on torch's own index say."
)
LOCKS = {
    "linux-x86_64-cpu": Lock("linux-x86_64", False, OWN.format("the processor")),
    "linux-x86_64-cu126": Lock("linux-x86_64", True, OWN.format("CUDA 12.6") + LIBRARIES),
    "linux-x86_64-cu130": Lock("linux-x86_64", True, ""),
    "windows-cpu": Lock("windows", False, ""),
    "windows-cuda": Lock("windows", True, OWN.format("CUDA")),
    "macos-arm64": Lock("macos-arm64", False, ""),
}
HEADER = """\
# {name}: every package of the backend's Python, pinned, with all dependencies. Python {first} to {last}.
# Under each pin the SHA-256 of all its wheels for this platform: pip installs no other file.
# {torch}
# Made by: python3 resources/environment/lock.py
"""
HASHED = "torch and what it needs is pinned and hashed as everything else: this build is the one on the package index."


def index() -> List[str]:
    """uv's option for the package index that pip is set to use; empty if it is not set."""
    listed = subprocess.run(  # nosec B603 # a list of arguments, no shell
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    )
    found = re.findall(r"^(?:global|install|:env:)\.index-url='(.*)'$", listed.stdout, re.MULTILINE)
    return ["--default-index", found[-1]] if found else []


def resolve(keep: List[str]) -> List[Dict[str, Any]]:
    """All packages for all platforms and Pythons, each with version, marker and wheels; ``keep`` are pins to obey."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, kept, out = (Path(folder) / name for name in ("wanted.in", "kept.txt", "pylock.toml"))
        roots = [f"{name}{WISHES.get(name, '')}" for name in PACKAGES]
        roots += [f"{name}{version} ; sys_platform == 'win32'" for name, version in WINDOWS_CUDA.items()]
        wanted.write_text("\n".join(roots) + "\n", encoding="utf-8")
        kept.write_text("".join(f"{pin}\n" for pin in keep), encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--no-python-downloads"]
        command += ["--python-version", PYTHONS[0], "--only-binary", ":all:", "--format", "pylock.toml"]
        command += ["--constraint", str(kept), "--output-file", str(out), *index(), str(wanted)]
        subprocess.run(command, check=True)  # nosec B603 # a list of arguments, no shell
        return tomllib.loads(out.read_text(encoding="utf-8"))["packages"]


def pinned() -> List[str]:
    """The pins of the present lock files, without hashes."""
    found = (re.findall(r"^[^#\s][^\\\n]*", path.read_text(encoding="utf-8"), re.M) for path in HERE.glob("*.txt"))
    return sorted({line.strip() for lines in found for line in lines})


def pythons_of(package: Dict[str, Any], platform: str) -> List[str]:
    """The Pythons that get a package on a platform."""
    marker = package.get("marker")
    os_name = "nt" if platform == "windows" else "posix"
    target = {**PLATFORMS[platform], "os_name": os_name, "implementation_name": "cpython", "extra": ""}
    versions = ({"python_version": item, "python_full_version": f"{item}.9"} for item in PYTHONS)
    return [each["python_version"] for each in versions if not marker or Marker(marker).evaluate({**target, **each})]


def hashes(package: Dict[str, Any], platform: str, pythons: List[str]) -> List[str]:
    """The SHA-256 of all wheels of a package for a platform. SystemExit if one of the Pythons has no wheel."""
    found, served = set(), set()
    for wheel in package.get("wheels", []):
        python, abi, tags = wheel["url"].rsplit("/", 1)[-1].removesuffix(".whl").split("-")[-3:]
        if not any(tag == "any" or WHEELS[platform].search(tag) for tag in tags.split(".")):
            continue
        serves = {item for item in PYTHONS if _serves(python, abi, item)}
        # Builds without the interpreter's lock (cp314t) serve none of our Pythons.
        found |= {wheel["hashes"]["sha256"]} if serves else set()
        served |= serves
    if lacking := sorted(set(pythons) - served):
        raise SystemExit(f"{package['name']} {package['version']} has no wheel for {platform}, Python {lacking}.")
    return sorted(found)


def _serves(python: str, abi: str, version: str) -> bool:
    own = "cp" + version.replace(".", "")
    if abi == "abi3":
        return any(int(tag[3:]) <= int(own[3:]) for tag in python.split(".") if tag.startswith("cp3"))
    return "py3" in python.split(".") or (own in python.split(".") and abi in (own, "none"))


def lines(package: Dict[str, Any], lock: Lock) -> Iterator[str]:
    """One package in a lock file: the pin, with a marker where not every Python gets it, and its hashes."""
    pythons = pythons_of(package, lock.platform)
    if not pythons or (CUDA.match(package["name"]) and not lock.cuda):
        return
    pin = f"{package['name']}=={package['version']}"
    if package["name"] == "torch" and lock.reason:
        yield pin
        return
    if package["name"].startswith(("nvidia-", "cuda-")) and lock.reason:
        return
    start, stop = PYTHONS.index(pythons[0]), PYTHONS.index(pythons[-1])
    if list(PYTHONS[start : stop + 1]) != pythons:
        raise SystemExit(f"{pin} serves {pythons}, which is no range: wish for another version in backend/packages.py.")
    bounds = [f'python_version >= "{pythons[0]}"'] if start else []
    bounds += [f'python_version < "{PYTHONS[stop + 1]}"'] if stop + 1 < len(PYTHONS) else []
    yield pin + (" ; " + " and ".join(bounds) if bounds else "") + " \\"
    yield " \\\n".join(f"    --hash=sha256:{item}" for item in hashes(package, lock.platform, pythons))


def main() -> None:
    """Write all lock files."""
    packages = resolve([] if "--upgrade" in sys.argv[1:] else pinned())
    packages.sort(key=lambda package: package["name"] != "torch")
    for name, lock in LOCKS.items():
        header = HEADER.format(name=name, first=PYTHONS[0], last=PYTHONS[-1], torch=lock.reason or HASHED)
        text = header + "\n".join(line for package in packages for line in lines(package, lock)) + "\n"
        (HERE / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
