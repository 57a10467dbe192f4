"""Two programs in one folder: who may import whom, who may speak aloud, what QGIS's old Python can read."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKEND, PLUGIN = sorted((ROOT / "backend").rglob("*.py")), sorted((ROOT / "plugin").rglob("*.py"))
QT = {"qgis", "PyQt5", "PyQt6", "PySide2", "PySide6", "sip"}
HEAVY = {
    "torch",
    "numba",
    "rasterio",
    "scipy",
    "sklearn",
    "safetensors",
    "jinja2",
    "psutil",
    "triton",
    "mamba_ssm",
    "pyogrio",
    "h5py",
}
SHARED = [
    *(
        ROOT / "backend" / name
        for name in ("__init__.py", "protocol.py", "config.py", "facts.py", "reading.py", "results.py")
    ),
    *(ROOT / "backend" / name for name in ("ownership.py", "packages.py", "unfinished.py")),
    *(path for folder in ("methods", "tasks") for path in sorted((ROOT / "backend" / folder).glob("__init__.py"))),
    *(path for folder in ("methods", "tasks") for path in sorted((ROOT / "backend" / folder).glob("*/__init__.py"))),
    *(path for folder in ("methods", "tasks") for path in sorted((ROOT / "backend" / folder).glob("*/config.py"))),
]
"""What the plugin reads of the backend."""
OPTIONAL = {"backend/unfinished.py": {"psutil"}}
"""What a file takes where it is there; it works without."""
SPEAKERS = {"backend/__main__.py", "backend/about.py", "backend/trial.py", "plugin/environment/__main__.py"}
"""Programs of their own, run by ``python -m``."""


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def tree_of(path, version=None):
    return ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=version)


def imported(tree):
    """Top-level names of all packages that a file imports from outside, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.split(".")[0]


def spoken(tree):
    """Lines of a file that write to standard output, or could."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            target = [ast.unparse(keyword.value) for keyword in node.keywords if keyword.arg == "file"]
            if target != ["sys.stderr"]:
                yield node.lineno
        if (
            isinstance(node, ast.Attribute)
            and node.attr in {"stdout", "__stdout__"}
            and ast.unparse(node.value) == "sys"
        ):
            yield node.lineno


def test_there_is_something_to_look_at():
    names = {name_of(path) for path in BACKEND + PLUGIN + SHARED}
    assert {"backend/tasks/unmix/config.py", "backend/methods/unmamba/config.py", "plugin/main.py"} <= names
    taken = imported(ast.parse("import a.b, c\nfrom d.e import f\nfrom . import g\ndef h():\n import i"))
    assert set(taken) == set("acdi")
    lines = spoken(ast.parse("print(1)\nprint(2, file=sys.stderr)\nsys.stdout.write('')\nprint(3, file=x)"))
    assert sorted(lines) == [1, 3, 4]


@pytest.mark.parametrize("path", BACKEND, ids=name_of)
def test_the_backend_knows_nothing_of_qgis_and_qt(path):
    assert not QT & set(imported(tree_of(path)))


@pytest.mark.parametrize("path", PLUGIN, ids=name_of)
def test_the_plugin_knows_nothing_of_torch_and_its_kin(path):
    assert not HEAVY & set(imported(tree_of(path)))


@pytest.mark.parametrize("path", PLUGIN, ids=name_of)
def test_the_plugin_reads_of_the_backend_only_what_is_plain(path):
    allowed = {
        "backend",
        "backend.protocol",
        "backend.config",
        "backend.facts",
        "backend.reading",
        "backend.methods",
        "backend.tasks",
        "backend.ownership",
        "backend.unfinished",
    }
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.level and (node.module or "").split(".")[0] == "backend":
            assert node.module in allowed, node.module


@pytest.mark.parametrize("path", [one for one in BACKEND + PLUGIN if name_of(one) not in SPEAKERS], ids=name_of)
def test_nobody_but_the_programs_themselves_writes_to_standard_output(path):
    assert list(spoken(tree_of(path))) == []


@pytest.mark.parametrize("path", SHARED, ids=name_of)
def test_what_both_worlds_read_imports_only_the_standard_library_and_is_python_3_9(path):
    tree = tree_of(path, (3, 9))
    assert set(imported(tree)) - OPTIONAL.get(name_of(path), set()) <= set(sys.stdlib_module_names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            newer = {keyword.arg for keyword in node.keywords} & {"slots", "kw_only", "strict"}
            assert not newer, f"line {node.lineno}: {newer} came after Python 3.9"
    text = path.read_text(encoding="utf-8")
    assert not text or name_of(path).endswith("__init__.py") or "from __future__ import annotations" in text


def test_what_both_worlds_read_is_imported_by_a_python_without_any_package():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import backend.protocol, backend.config, backend.facts\n"
        "import backend.results; from backend.tasks import tasks; tasks()\n"
        "from backend.methods import methods; print(*[(one.name, len(one.settings)) for one in methods()])"
    )
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code, str(ROOT)], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "unmamba" in found.stdout
