"""Package indexes that are folders, tiny wheels in them, and a base Python that makes environments quickly."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

ABOUT = {"python": "3.12.0", "packages": {"torch": "2.13.0+cpu"}, "devices": ["cpu"]}


def wheel(folder: Path, name: str, version: str = "1.0", build: str = "", files=None) -> Path:
    """Write a wheel with a module of the package's name and ``files``; give its path."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    content = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(files or {}),
    }
    path = folder / f"{name}-{version}{build}-py3-none-any.whl"
    rows = [f"{name},{_digest(text)},{len(text.encode())}" for name, text in content.items()]
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in content.items():
            archive.writestr(entry, text)
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return path


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def sha256(path: Path) -> str:
    """As it stands in lock files."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def index(folder: Path, *wheels: Path, hashes: bool = True) -> str:
    """Make a folder the index of some wheels; give its address."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in wheels:
        page = folder / path.name.split("-")[0] / "index.html"
        page.parent.mkdir(exist_ok=True)
        anchor = f"#sha256={sha256(path)}" if hashes else ""
        with page.open("a") as file:
            file.write(f'<a href="{path.as_uri()}{anchor}">{path.name}</a>\n')
    return folder.as_uri()


def base(folder: Path, template: Path) -> Path:
    """A program that plays the base Python: it makes an environment by copying one."""
    program = folder / "base"
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        f"shutil.copytree({str(template)!r}, sys.argv[-1], symlinks=True, dirs_exist_ok=True)\n"
    )
    program.chmod(0o755)
    return program


def checkout(folder: Path) -> Path:
    """A checkout whose backend says that all is well."""
    (folder / "backend").mkdir(parents=True)
    (folder / "backend" / "about.py").write_text(f"print({json.dumps(ABOUT)!r})")
    return folder
