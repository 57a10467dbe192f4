"""What a path means: one reader for each product, tried in turn; the last one takes every raster that GDAL opens.

A reader is a module here with a function ``recognise(path) -> Product | None``. None: not mine, ask the next one.
ValueError, a sentence: it is mine, and cannot be used, for this reason. A reader looks at names, magic bytes or one
attribute first, so that asking all of them takes milliseconds. Modules without such a function serve several readers.
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path

from ..damage import damage_told
from ..hdf5_links import check_hdf5_links
from ..links import check_links
from .product import Product

__all__ = ["Product", "open_product"]

LAST = "raster"
"""The reader of everything else."""


def open_product(path: str | Path) -> Product:
    """Open what lies at a path, a file or a folder.

    ValueError, a sentence, if nothing can be made of it, or it points to a server.
    """
    with damage_told(path):
        return _opened(path)


def _opened(path: str | Path) -> Product:
    notes = [*check_links(path), *check_hdf5_links(path)]
    names = sorted(item.name for item in pkgutil.iter_modules(__path__))
    for name in [*(one for one in names if one != LAST), LAST]:
        module = importlib.import_module(f"{__name__}.{name}")
        if hasattr(module, "recognise"):
            found: Product | None = module.recognise(Path(path))
            if found is not None:
                found.facts = replace(found.facts, notes=(*notes, *found.facts.notes))
                return found
    raise ValueError(f"The scene {path} cannot be opened: nothing at this path is a scene. Choose another one.")
