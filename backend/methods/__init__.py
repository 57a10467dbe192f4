"""The registry of methods: a folder here with a ``config.py`` is a method of Mixel.

``config.py`` (standard library only, read by QGIS too) holds ``LABEL``, ``TASK``, ``SUMMARY``, ``ADVICE`` (when to use
it, when not, what it costs, as the scoreboard teaches), ``REFERENCE`` and the class ``Config``; a method whose network
may run on a graphics card says so by ``ON_DEVICE = True``. What does the work stands beside it in ``method.py`` and is
imported only when it runs.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any, List, Optional, Type

from ..config import Setting, settings


@dataclass(frozen=True)
class Method:
    """One way to unmix or classify, described without its heavy code."""

    name: str
    label: str
    task: str
    summary: str
    advice: str
    reference: str
    config: Type[Any]
    on_device: bool = False
    """Whether it is a network, which may run on a graphics card; the others run on the processor whatever is chosen."""

    @property
    def settings(self) -> List[Setting]:
        """What a user may set, in the order of the form."""
        return settings(self.config)

    def load(self) -> ModuleType:
        """Import the method's working code (torch and friends: the backend's Python only)."""
        return importlib.import_module(f"{__name__}.{self.name}.method")


def methods(task: Optional[str] = None) -> List[Method]:
    """All methods, or those for one task, by name."""
    found = []
    folders = (item.name for item in pkgutil.iter_modules(__path__) if item.ispkg)
    for name in sorted(folders):
        config = importlib.import_module(f"{__name__}.{name}.config")
        if task in (None, config.TASK):
            words = (config.LABEL, config.TASK, config.SUMMARY, config.ADVICE, config.REFERENCE)
            found.append(Method(name, *words, config.Config, getattr(config, "ON_DEVICE", False)))
    return found


def method(name: str) -> Method:
    """The method of this name. ValueError lists the known ones if there is none."""
    known = {item.name: item for item in methods()}
    if name not in known:
        raise ValueError(f"There is no method {name!r}; the methods are {', '.join(known)}.")
    return known[name]
