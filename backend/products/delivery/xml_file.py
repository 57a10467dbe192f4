"""XML of strangers, parsed without entities: no file within a file, nothing that grows without bound."""

from __future__ import annotations

import math
from xml.etree import ElementTree  # nosec B405: documents with a DOCTYPE, the place of entities, are refused below
from xml.etree.ElementTree import Element  # nosec B405: only the type of what comes out

DEEPEST = 200
"""Levels of elements within elements."""


class _Careful(ElementTree.TreeBuilder):
    """Builds elements named without namespaces; refuses document types, and with them all entities."""

    depth = 0

    def start(self, tag: str, attributes: dict[str, str], /) -> Element:
        """An element begins."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError("its elements lie too deep within each other")
        return super().start(tag.rpartition("}")[2], attributes)

    def end(self, tag: str, /) -> Element:
        """An element ends."""
        self.depth -= 1
        return super().end(tag.rpartition("}")[2])

    def doctype(self, name: str, public: str | None, system: str | None, /) -> None:
        """A document type begins."""
        raise ValueError("it declares a document type, which no product's metadata do")


def parsed(content: bytes, name: str) -> Element:
    """The root element of an XML document; tags come without their namespaces.

    ``name``: of the file, for the sentence of the ValueError that comes if it is damaged or declares a document type.
    """
    plain = content.replace(b"\0", b"")  # UTF-16 too
    try:
        if b"<!DOCTYPE" in plain or b"<!ENTITY" in plain:
            raise ValueError("it declares a document type, which no product's metadata do")
        return ElementTree.fromstring(content, ElementTree.XMLParser(target=_Careful()))  # nosec B314: see above
    except (ElementTree.ParseError, ValueError, LookupError, RecursionError) as error:
        raise ValueError(f"The file {name} is damaged ({error}). Copy or download the product again.") from error


def text(element: Element, *paths: str) -> str:
    """The text at the first of these paths that has one; empty if none has."""
    found = (element.findtext(path) for path in paths)
    return next((one.strip() for one in found if one and one.strip()), "")


def number(content: str | None) -> float | None:
    """The finite number that a text is, or None."""
    try:
        found = float(content or "")
    except ValueError:
        return None
    return found if math.isfinite(found) else None
