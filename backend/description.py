"""What a scene is, for the panel: everything a run would find out on opening it, in a second and without torch."""

from __future__ import annotations

from dataclasses import asdict

from .products import open_product
from .protocol import Described
from .reading import Reading
from .scene import Scene


def describe(path: str) -> Described:
    """Facts, notices and refusal of the scene at a path. ValueError, a sentence, if nothing can be said of it."""
    reading = Reading.beside(path)
    try:
        with Scene(path, reading=reading) as scene:
            return Described(asdict(scene.facts), scene.notices)
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
