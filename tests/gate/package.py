"""Builds the zip that goes to QGIS's plugin repository and holds it against the repository's rules.

    python tests/gate/package.py          builds dist/mixel-<version>.zip from the tracked files and checks it

Needs git, and bandit and detect-secrets beside the Python that runs it.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Iterator, List

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ("__init__.py", "metadata.txt", "LICENSE", "README.md", "CHANGELOG.md", "plugin/", "backend/", "resources/")
LEFT_OUT = ("ruff.toml", ".gitignore", ".gitkeep")
MEGABYTES = 25
REQUIRED = ("name", "description", "version", "qgisMinimumVersion", "author", "email", "about", "tracker", "repository")
ASKED_FOR = ("homepage", "tags", "category", "icon", "changelog")
EXECUTABLE = {".pyc", ".pyo", ".so", ".dll", ".exe", ".pyd", ".dylib", ".pkl", ".pickle", ".pt", ".pth", ".sh", ".bat"}


def build(folder: Path, root: Path = ROOT) -> Path:
    """Write the zip of the tracked files that are shipped; the same files give the same bytes."""
    command = ["git", "-c", f"safe.directory={root}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    names = [name for name in sorted(listed.split("\0")) if name and _is_shipped(name)]
    target = folder / f"mixel-{_metadata((root / 'metadata.txt').read_text(encoding='utf-8'))['version']}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as package:
        for name in names:
            entry = zipfile.ZipInfo(f"mixel/{name}", date_time=(2020, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, (root / name).read_bytes())
    return target


def _is_shipped(name: str) -> bool:
    return name.startswith(SHIPPED) and Path(name).name not in LEFT_OUT


def _metadata(text: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    return parser["general"]


def problems(package: Path) -> List[str]:
    """One sentence for each thing that the repository would refuse."""
    found = []
    if package.stat().st_size > MEGABYTES * 2**20:
        found.append(f"The zip has {package.stat().st_size / 2**20:.1f} MB; {MEGABYTES} are allowed.")
    with zipfile.ZipFile(package) as archive, tempfile.TemporaryDirectory() as folder:
        names = archive.namelist()
        found += _names(names)
        archive.extractall(folder)
        root = Path(folder) / "mixel"
        found += _fields(root, names)
        found += _python(root)
        found += _bandit(root)
        found += _secrets(root)
    return found


def _names(names: List[str]) -> Iterator[str]:
    for name in names:
        parts = Path(name).parts
        if parts[0] != "mixel" or ".." in parts:
            yield f"{name} is not in the folder mixel."
        if any(part.startswith(".") or part in ("__pycache__", "tests") for part in parts):
            yield f"{name} does not belong into the zip."
        if Path(name).suffix.lower() in EXECUTABLE:
            yield f"{name} is a kind of file that the repository refuses."
        if not name.isascii():
            yield f"{name} has a name that is not plain ASCII."
    for needed in ("__init__.py", "metadata.txt", "LICENSE", "README.md"):
        if f"mixel/{needed}" not in names:
            yield f"{needed} is missing."


def _fields(root: Path, names: List[str]) -> Iterator[str]:
    if not (root / "metadata.txt").is_file():
        return
    fields = _metadata((root / "metadata.txt").read_text(encoding="utf-8"))
    for field in REQUIRED + ASKED_FOR:
        if not fields.get(field, "").strip():
            yield f"metadata.txt: {field} is missing."
    for field in ("tracker", "repository", "homepage"):
        if not re.fullmatch(r"https://[\w.-]+\.\w+(/\S*)?", fields.get(field, "")):
            yield f"metadata.txt: {field} is not an https address."
    if not re.fullmatch(r"\d+\.\d+\.\d+", fields.get("version", "")):
        yield "metadata.txt: version is not of the form 1.2.3."
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", fields.get("email", "")):
        yield "metadata.txt: email is not an address."
    for field in ("qgisMinimumVersion", "qgisMaximumVersion"):
        if not re.fullmatch(r"\d+\.\d+", fields.get(field, "")):
            yield f"metadata.txt: {field} is not of the form 3.22."
    if f"mixel/{fields.get('icon', '')}" not in names:
        yield f"metadata.txt: the icon {fields.get('icon')} is not in the zip."
    if fields.get("version", "?") not in fields.get("changelog", ""):
        yield "metadata.txt: the changelog does not name this version."


def _python(root: Path) -> Iterator[str]:
    """QGIS's Python may be 3.9: every file must at least be readable by it."""
    for file in sorted(root.rglob("*.py")):
        try:
            ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))
        except SyntaxError as error:
            yield f"{file.relative_to(root)}:{error.lineno}: not Python 3.9: {error.msg}"


def _bandit(root: Path) -> Iterator[str]:
    """Any finding blocks the upload; the repository runs bandit with its defaults."""
    report = _json([sys.executable, "-m", "bandit", "--quiet", "--recursive", "--format", "json", "."], root)
    for finding in report["results"]:
        yield f"bandit: {finding['filename']}:{finding['line_number']}: {finding['issue_text']} ({finding['test_id']})"
    for error in report["errors"]:
        yield f"bandit: {error['filename']}: {error['reason']}"


def _secrets(root: Path) -> Iterator[str]:
    report = _json([sys.executable, "-m", "detect_secrets", "scan", "--all-files", "."], root)
    for name, hits in sorted(report["results"].items()):
        for hit in hits:
            yield f"detect-secrets: {name}:{hit['line_number']}: {hit['type']}"


def _json(command: List[str], folder: Path) -> dict:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if not done.stdout.strip():
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    made = build(ROOT / "dist")
    found = problems(made)
    print(f"{made}: {made.stat().st_size / 2**20:.1f} MB, {len(zipfile.ZipFile(made).namelist())} files")
    print("\n".join(found) or "The plugin repository's gate finds nothing.")
    sys.exit(1 if found else 0)
