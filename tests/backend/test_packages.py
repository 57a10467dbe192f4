"""One list of packages: what the backend imports is in it, and what those need is in the lock files."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from mixel.backend import about, packages, record
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "backend").rglob("*.py"))
LOCKS = sorted((ROOT / "resources" / "environment").glob("*.txt"))


def imported(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def pinned(lock):
    return {line.split("==")[0] for line in lock.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)}


def test_every_package_that_the_backend_imports_is_in_the_list():
    found = {name for path in SOURCES for name in imported(path.read_text(encoding="utf-8"))}
    foreign = found - set(sys.stdlib_module_names) - {"backend"}
    assert foreign - set(packages.OPTIONAL) == set(packages.PACKAGES.values())
    assert set(imported("import a.b\nfrom c.d import e\nfrom . import f\ndef g():\n import h")) == {"a", "c", "h"}


def test_what_is_checked_and_recorded_is_that_list():
    assert about.PACKAGES is packages.PACKAGES
    assert record.PACKAGES is packages.PACKAGES


def test_all_of_the_list_is_here_in_the_version_that_is_wished_for():
    for name in packages.PACKAGES:
        wish = Requirement(f"x{packages.WISHES.get(name, '')}").specifier
        assert wish.contains(metadata.version(name).split("+")[0])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_what_the_pinned_packages_need_is_pinned_too(lock):
    names = pinned(lock)
    assert set(packages.PACKAGES) <= names
    installed = {one.metadata["Name"].lower().replace("_", "-"): one for one in metadata.distributions()}
    known = names & set(installed)
    assert set(packages.PACKAGES) <= known
    for name in known:
        for line in installed[name].requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert need.name.lower().replace("_", "-") in names, (name, line)
