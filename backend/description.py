"""What a scene is, for the panel: everything a run would find out on opening it, in a second and without torch."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from .products import open_product
from .protocol import Described
from .reading import Reading
from .scene import Scene


def describe(path: str, reading_file: str | None = None) -> Described:
    """Facts, notices and refusal of the scene at a path. ValueError, a sentence, if nothing can be said of it.

    ``reading_file``: a file that holds how the scene is to be read, in place of the one beside the scene.
    """
    reading = Reading.of_file(Path(reading_file)) if reading_file else Reading.beside(path)
    try:
        with Scene(path, reading=reading) as scene:
            return Described(asdict(replace(scene.facts, flags=scene.flags_counted())), scene.notices)
    except ValueError as error:
        return Described(_facts(path), [], str(error))


def _facts(path: str) -> dict[str, object]:
    """The facts of a scene that is refused; empty where there are none."""
    try:
        product = open_product(path)
    except ValueError:
        return {}
    try:
        return asdict(product.facts)
    finally:
        product.close()
