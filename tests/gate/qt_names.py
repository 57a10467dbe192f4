"""Finds Qt names in the plugin's source that Qt 6 does not have, or has only fully scoped.

No distribution ships QGIS 4 yet, but its Qt binding is PyQt6: a name that PyQt6 resolves is a name QGIS 4 resolves.
Read from the source, so code that no test runs is checked too. Run it in a Python with PyQt6::

    python tests/gate/qt_names.py plugin __init__.py
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

PREFIX = "qgis.PyQt"
GONE_METHODS = {"exec_", "print_", "setTabStopWidth"}
"""Methods of instances that Qt 6 lost; an instance's class cannot be read from the source, but these names can."""


def problems_in(source: str, name: str) -> List[str]:
    """One sentence for each Qt name in ``source`` that PyQt6 does not resolve."""
    tree = ast.parse(source, name)
    known: Dict[str, Any] = {}
    found = list(_read_imports(tree, known, name))
    second_choices = _second_choices(tree, known)
    for node in _outermost_attributes(tree):
        if node not in second_choices:
            found.extend(_check_chain(node, known, name))
    return found


def problems(paths: List[Path]) -> List[str]:
    """The problems of all Python files at or below ``paths``."""
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return [problem for file in files for problem in problems_in(file.read_text(encoding="utf-8"), str(file))]


def _read_imports(tree: ast.Module, known: Dict[str, Any], name: str) -> Iterator[str]:
    """Fill ``known`` with what the imports bind; a name is missing if none of its guarded imports resolves."""
    guarded = _guarded_nodes(tree)
    missing: Dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("PyQt"):
                    yield f"{name}:{node.lineno}: import {alias.name}: import from {PREFIX} only"
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        if node.module.startswith("PyQt"):
            yield f"{name}:{node.lineno}: from {node.module}: import from {PREFIX} only"
        if node.module != PREFIX and not node.module.startswith(PREFIX + "."):
            continue
        for alias in node.names:
            bound = alias.asname or alias.name
            try:
                known[bound] = _resolve(node.module, alias.name)
                missing.pop(bound, None)
            except (ImportError, AttributeError):
                sentence = f"{name}:{node.lineno}: {node.module}.{alias.name} is not in PyQt6"
                if node not in guarded:
                    yield sentence
                elif bound not in known:
                    missing[bound] = sentence
    yield from missing.values()


def _resolve(module: str, name: str) -> Any:
    target = "PyQt6" + module[len(PREFIX) :]
    try:
        return getattr(importlib.import_module(target), name)
    except AttributeError:
        return importlib.import_module(f"{target}.{name}")


def _guarded_nodes(tree: ast.Module) -> Set[ast.AST]:
    """Nodes inside a ``try`` that expects an ImportError or AttributeError: one way of several."""
    tries = (node for node in ast.walk(tree) if isinstance(node, ast.Try))
    expected = {"ImportError", "ModuleNotFoundError", "AttributeError"}
    return {
        inner
        for node in tries
        if any(handler.type is not None and expected & _names(handler.type) for handler in node.handlers)
        for inner in ast.walk(node)
    }


def _second_choices(tree: ast.Module, known: Dict[str, Any]) -> Set[ast.AST]:
    """Nodes that Qt 6 never reaches: what follows the ``or`` in ``getattr(QtGui, "QAction", None) or ...``."""
    found: Set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or) and isinstance(node.values[0], ast.Call):
            call = node.values[0]
            if ast.unparse(call.func) == "getattr" and len(call.args) == 3:
                owner, attribute = (ast.unparse(argument) for argument in call.args[:2])
                if hasattr(known.get(owner), ast.literal_eval(attribute)):
                    found.update(inner for value in node.values[1:] for inner in ast.walk(value))
    return found


def _names(node: ast.AST) -> Set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _outermost_attributes(tree: ast.Module) -> Iterator[ast.Attribute]:
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node not in inner)


def _check_chain(node: ast.Attribute, known: Dict[str, Any], name: str) -> Iterator[str]:
    chain: List[str] = []
    root: ast.AST = node
    while isinstance(root, ast.Attribute):
        chain.insert(0, root.attr)
        root = root.value
    gone = GONE_METHODS.intersection(chain)
    if gone:
        yield f"{name}:{node.lineno}: .{gone.pop()}() is not in Qt 6"
    if not isinstance(root, ast.Name) or root.id not in known:
        return
    value, path = known[root.id], root.id
    for attribute in chain:
        if not (inspect.isclass(value) or inspect.ismodule(value)):
            return
        path += "." + attribute
        if not hasattr(value, attribute):
            yield f"{name}:{node.lineno}: {path} is not in PyQt6 (enum values need their enum's name)"
            return
        value = getattr(value, attribute)


if __name__ == "__main__":
    found = problems([Path(argument) for argument in sys.argv[1:]])
    print("\n".join(found) or "Every Qt name is in PyQt6.")
    sys.exit(1 if found else 0)
