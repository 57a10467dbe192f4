"""The registry of tasks: a folder here with a ``config.py`` is a task of Mixel, and an algorithm in QGIS's toolbox.

``config.py`` (standard library only, read by QGIS too) holds ``TASK``, its description. What does the work stands
beside it in ``work.py`` and is imported only when it runs::

    prepare(run) -> float            checks the request against the scene; gives the bytes its results take at most
    perform(run, folder) -> sections writes the files into folder.partial; gives the sections of the report
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from types import ModuleType
from typing import Any, List, Optional, Tuple, Type

from ..config import Setting, settings
from ..facts import MIN_BANDS
from ..methods import Method, methods
from ..results import Layer, layers


@dataclass(frozen=True)
class Input:
    """A file a task reads besides the scene. The job file holds ``{"path": text}`` for each, and by ``kind``:

    ``raster``: a layer in QGIS. ``library``: spectra. ``model``: the card of a trained model. ``labels``: areas of
    known class; vectors with ``layer`` (optional) and ``field``, and optionally ``names`` (class of each value) and
    ``colours`` (by class), or a class raster. ``area``: where to look; vectors with ``layer`` (optional), or a mask.
    """

    name: str
    kind: str
    label: str
    help: str
    optional: bool = False


@dataclass(frozen=True)
class File:
    """A file a task writes besides its Result, report and job: ``kind`` is library, points, model, table or raster.

    ``beside``: files that belong to it. ``optional``: not every run writes it. ``instead``: another name it may have.
    """

    name: str
    kind: str
    file: str
    label: str
    beside: Tuple[str, ...] = ()
    optional: bool = False
    instead: Tuple[str, ...] = ()

    @property
    def names(self) -> Tuple[str, ...]:
        """The names it may have; a run writes one of them."""
        return (self.file, *self.instead)


@dataclass(frozen=True)
class NoOptions:
    """The options of a task that has none of its own."""


@dataclass(frozen=True)
class Task:
    """One kind of job. ``options`` is a Config class: what a user may set whatever the method.

    ``title``: the group of its layers is called "title: scene". ``result``: the Result class of its rasters.
    ``default_method``: by name and not by place, so that a method added later does not change what a script runs; empty
    for a task that no method is chosen for. ``needs_scene``: whether it works on a hyperspectral scene.
    ``least_bands``: how many usable bands its scene needs.
    ``opens_product``: whether its scene is the path of a product, file or folder, that no layer shows yet.
    """

    name: str
    label: str
    title: str
    group: str
    summary: str
    tags: Tuple[str, ...] = ()
    inputs: Tuple[Input, ...] = ()
    result: Optional[Type[Any]] = None
    files: Tuple[File, ...] = ()
    options: Type[Any] = NoOptions
    default_method: str = ""
    needs_scene: bool = True
    least_bands: int = MIN_BANDS
    opens_product: bool = False

    @property
    def methods(self) -> List[Method]:
        """The methods a user may choose from, by name."""
        return methods(self.name) if self.default_method else []

    @property
    def on_device(self) -> bool:
        """Whether it may work on a graphics card: it chooses a method, or applies a trained one."""
        return bool(self.default_method) or any(one.kind == "model" for one in self.inputs)

    @property
    def layers(self) -> List[Layer]:
        """The rasters it writes, in their order."""
        return layers(self.result)

    @property
    def option_settings(self) -> List[Setting]:
        """What a user may set whatever the method, in the order of the form."""
        return settings(self.options)

    def refusal(self, bands: int) -> str:
        """Why it cannot work on a scene of so many usable bands, and what can; empty if it can."""
        if bands >= self.least_bands:
            return ""
        near = [one for one in tasks() if one.group == self.group and one.needs_scene]
        able = [one.label for one in near if one.least_bands <= bands]
        return (
            f"'{self.label}' finds materials by itself and needs at least {self.least_bands} usable bands; the scene "
            f"has {bands}. " + (f"These tasks work with them: {', '.join(able)}." if able else "Choose another scene.")
        )

    def load(self) -> ModuleType:
        """Import the task's working code (the backend's Python only)."""
        return importlib.import_module(f"{__name__}.{self.name}.work")


def tasks() -> List[Task]:
    """All tasks, by name."""
    names = sorted(item.name for item in pkgutil.iter_modules(__path__) if item.ispkg)
    found: List[Task] = [importlib.import_module(f"{__name__}.{name}.config").TASK for name in names]
    return found


def task(name: str) -> Task:
    """The task of this name. ValueError lists the known ones if there is none."""
    known = {item.name: item for item in tasks()}
    if name not in known:
        raise ValueError(f"There is no task {name!r}; the tasks are {', '.join(known)}.")
    return known[name]
