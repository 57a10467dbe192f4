"""Regenerate the lock files beside this script: ``python3 resources/environment/lock.py``.

Not used at run time. Needs network and a pip of 2024 or newer in the Python that runs it. For every platform and
every Python of :data:`PYTHONS` pip resolves :data:`ROOTS` to wheels without installing; what differs between
Pythons gets an environment marker. pip judges markers by the Python that runs it, not by the one asked for, and takes
wheels whose index does not tell their Requires-Python; this script judges both again for the target.
"""

from __future__ import annotations

import json
import subprocess  # nosec B404 # runs this Python's own pip with a fixed list of arguments
import sys
import tempfile
from pathlib import Path
from typing import Dict, List

from pip._vendor.packaging.requirements import Requirement
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.utils import canonicalize_name

TORCH = "torch==2.13.0"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
ROOTS = (
    *("numpy", "numba", "rasterio==1.4.*", "scipy", "scikit-learn", "matplotlib", "safetensors", "psutil", "jinja2"),
    *("h5py", "pyogrio", "shapely"),
)
TORCH_NEEDS = ("filelock", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec", "setuptools")
"""What torch itself depends on, but for the CUDA libraries: those each CUDA build of torch pins exactly itself."""
LINUX = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
MAC = ("macosx_14_0_arm64", "macosx_13_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64")
PLATFORMS = {
    "linux-x86_64": (LINUX, {"platform_system": "Linux", "sys_platform": "linux", "platform_machine": "x86_64"}),
    "windows": (("win_amd64",), {"platform_system": "Windows", "sys_platform": "win32", "platform_machine": "AMD64"}),
    "macos-arm64": (MAC, {"platform_system": "Darwin", "sys_platform": "darwin", "platform_machine": "arm64"}),
}
FILES = {
    "linux-x86_64-cpu": "linux-x86_64",
    "linux-x86_64-cuda": "linux-x86_64",
    "windows-cpu": "windows",
    "windows-cuda": "windows",
    "macos-arm64": "macos-arm64",
}
OWN = {"windows-cuda": ["triton-windows==3.7.1.post27"]}
"""Pinned by hand: where torch brings no Triton, the build of the version that the same torch brings on Linux (3.7.1).

It holds a C compiler, ptxas and CUDA's headers, and depends on nothing.
"""
HEADER = """\
# {name}: every package of the backend's Python, pinned, with all dependencies. Python {first} to {last}.
# torch is installed first, in a step of its own: the build for the accelerator is chosen by plugin/environment,
# and a CUDA build brings the CUDA libraries that it pins itself.
# Made by: python3 resources/environment/lock.py
"""


def report(python: str, platforms: tuple, wanted: List[str]) -> List[dict]:
    """What pip would install: the metadata of each package."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--ignore-installed"]
        command += ["--report", str(out), "--target", folder, "--only-binary=:all:", "--python-version", python]
        for platform in platforms:
            command += ["--platform", platform]
        subprocess.run(command + wanted, check=True)  # nosec B603 # a list of arguments, no shell
        return [item["metadata"] for item in json.loads(out.read_text(encoding="utf-8"))["install"]]


def missing(packages: List[dict], target: Dict[str, str]) -> List[str]:
    """Requirements that hold on the target but not where pip ran."""
    names = {canonicalize_name(item["name"]) for item in packages}
    found = set()
    for item in packages:
        for line in item.get("requires_dist", []):
            need = Requirement(line)
            applies = need.marker is None or need.marker.evaluate(target)
            if applies and canonicalize_name(need.name) not in names:
                found.add(f"{need.name}{need.specifier}")
    return sorted(found)


def unfit(packages: List[dict], target: Dict[str, str]) -> List[str]:
    """Exclusions of what pip took although it does not run on the target's Python."""
    full = target["python_full_version"]
    return [
        f"{item['name']}!={item['version']}"
        for item in packages
        if full not in SpecifierSet(item.get("requires_python") or "")
    ]


def resolve(platform: str, python: str) -> Dict[str, str]:
    """Name and version of every package for one platform and Python."""
    tags, markers = PLATFORMS[platform]
    os_name = "nt" if platform == "windows" else "posix"
    target = {**markers, "os_name": os_name, "python_version": python, "python_full_version": python + ".9"}
    target.update(extra="", implementation_name="cpython", platform_python_implementation="CPython")
    wanted = sorted({*ROOTS, *TORCH_NEEDS})
    while True:
        packages = report(python, tags, wanted)
        more = unfit(packages, target) or missing(packages, target)
        if not more:
            return {canonicalize_name(item["name"]): item["version"] for item in packages}
        wanted += more


def lines(found: Dict[str, Dict[str, str]]) -> List[str]:
    """The pins of one platform: one line a version, with a marker where not every Python gets it."""
    out = []
    for name in sorted({name for pins in found.values() for name in pins}):
        versions: Dict[str, List[str]] = {}
        for python in PYTHONS:
            if name in found[python]:
                versions.setdefault(found[python][name], []).append(python)
        for version, pythons in versions.items():
            start, stop = PYTHONS.index(pythons[0]), PYTHONS.index(pythons[-1])
            if list(PYTHONS[start : stop + 1]) != pythons:
                raise SystemExit(f"{name} {version} serves {pythons}, which is no range: pin it by hand in ROOTS.")
            bounds = [f'python_version >= "{pythons[0]}"'] if start else []
            bounds += [f'python_version < "{PYTHONS[stop + 1]}"'] if stop + 1 < len(PYTHONS) else []
            out.append(f"{name}=={version}" + (" ; " + " and ".join(bounds) if bounds else ""))
    return out


def name_of(pin: str) -> str:
    """What a line pins."""
    return pin.split("==")[0]


def main() -> None:
    """Write all lock files."""
    pins = {name: lines({python: resolve(name, python) for python in PYTHONS}) for name in PLATFORMS}
    for name, platform in FILES.items():
        header = HEADER.format(name=name, first=PYTHONS[0], last=PYTHONS[-1])
        text = header + "\n".join([TORCH, *sorted([*pins[platform], *OWN.get(name, [])], key=name_of)]) + "\n"
        (Path(__file__).parent / f"{name}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
