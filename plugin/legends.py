"""What the classes of a layer are called and how they are coloured, as the analyst sees them in the legend."""

from __future__ import annotations

import unicodedata
from typing import Any, Dict, Iterator, Tuple

from qgis.core import QgsCategorizedSymbolRenderer, QgsExpression, QgsRendererCategory, QgsVectorLayer


def of_field(layer: QgsVectorLayer, field: str) -> Dict[str, Dict[str, str]]:
    """``names`` by the field's value (as text) and ``colours`` (#rrggbb) by name; empty unless categorised by it."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsCategorizedSymbolRenderer):
        return {}
    if renderer.classAttribute() not in (field, QgsExpression.quotedColumnRef(field)):
        return {}
    names: Dict[str, str] = {}
    colours: Dict[str, str] = {}
    for value, category in _categories(renderer):
        name = _tidy(category.label()) or value
        names.setdefault(value, name)
        if category.symbol():
            colours.setdefault(name, category.symbol().color().name())
    return {"names": names, "colours": colours} if names else {}


def value_text(value: Any) -> str:
    """A field's value as the backend writes it: whole numbers without a point, text without space around; '' if none.

    None, QGIS's NULL and numbers with fractions are no classes.
    """
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (int, float)):
        return str(int(value)) if float(value).is_integer() else ""
    return _tidy(value) if isinstance(value, str) else ""


def _categories(renderer: QgsCategorizedSymbolRenderer) -> Iterator[Tuple[str, QgsRendererCategory]]:
    """Each value with its category; one category may stand for several values, that of all others for none."""
    for category in renderer.categories():
        several = category.value()
        for one in several if isinstance(several, list) else [several]:
            text = value_text(one)
            if text:
                yield text, category


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
