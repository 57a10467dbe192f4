"""The zip passes the plugin repository's gate, and the gate stops what it should."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import Optional

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import package


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    return package.build(tmp_path_factory.mktemp("package"))


@pytest.fixture(scope="module")
def small(built, tmp_path_factory) -> Path:
    """A zip of only what every plugin needs: the checks run over it in a moment."""
    target = tmp_path_factory.mktemp("small") / "small.zip"
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            if entry.count("/") == 1 or "/icons/" in entry:
                new.writestr(entry, old.read(entry))
    assert package.problems(target) == []
    return target


def changed(built: Path, folder: Path, name: str, content: Optional[str]) -> Path:
    """A copy of the zip with one file more or replaced, or with one file less."""
    target = folder / "changed.zip"
    with zipfile.ZipFile(built) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
        if content is not None:
            new.writestr(name, content)
    return target


def test_the_gate_finds_nothing(built):
    assert package.problems(built) == []


def test_the_zip_holds_the_plugin_the_backend_and_the_sample_and_no_tests(built):
    names = zipfile.ZipFile(built).namelist()
    for needed in ("metadata.txt", "LICENSE", "plugin/main.py", "backend/__main__.py", "resources/sample/README.md"):
        assert f"mixel/{needed}" in names
    assert not [name for name in names if "tests" in name or "Makefile" in name or name.endswith(".toml")]


def test_the_same_files_give_the_same_bytes(built, tmp_path):
    assert package.build(tmp_path).read_bytes() == built.read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("mixel/plugin/old.pyc", "", "a kind of file"),
        ("mixel/tests/test_it.py", "", "does not belong"),
        ("mixel/.hidden", "", "does not belong"),
        ("other/file.py", "", "not in the folder mixel"),
        ("mixel/plugin/new.py", "match 1:\n    case 1:\n        pass\n", "not Python 3.9"),
        ("mixel/plugin/bad.py", "import pickle\npickle.loads(b'')\n", "bandit: "),
        ("mixel/plugin/key.py", "key = '" + "AKIA" + "Z" * 14 + "7Q" + "'\n", "detect-secrets: "),
        ("mixel/metadata.txt", "[general]\nname=Mixel\n", "tracker is missing"),
        ("mixel/LICENSE", None, "LICENSE is missing"),
    ],
)
def test_the_gate_stops(small, tmp_path, name, content, part):
    found = package.problems(changed(small, tmp_path, name, content))
    assert any(part in problem for problem in found), found
