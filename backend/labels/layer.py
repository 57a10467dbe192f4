"""A vector layer as it stands in its file: geometries, class names, coordinate system. Only here is it opened."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyogrio
import pyogrio.raw
import shapely
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio._err import CPLE_BaseError  # rasterio names it nowhere else
from rasterio.crs import CRS
from rasterio.errors import CRSError

from ..damage import damage_told
from ..links import check_links
from ..names import plain
from .classes import check_number
from .endless import check_ends
from .pixels import counted, listed

ONE = "area"
"""The name of all features where no field of classes is read."""


@dataclass(frozen=True)
class Layer:
    """The features of a layer that have a geometry and, where a field of classes is read, a class.

    ``ids``, ``geometries``, ``names``: all (features,). ``order``: the names, each once, as classes are to be listed.
    """

    ids: NDArray[np.int64]
    geometries: NDArray[np.object_]
    names: NDArray[np.object_]
    order: list[str]
    crs: CRS | None
    notices: list[str] = field(default_factory=list)


def read_layer(source: str, layer: str | None, attribute: str | None, labels: Mapping[str, str] | None = None) -> Layer:
    """Read a layer; ``source`` is a path, or a path as QGIS writes it, with ``|layername=`` and ``|subset=``.

    ``attribute``: the field of classes; None: all features are of the one class 'area'. ``labels``: what a value of
    the field is called, where it is not called by itself.

    ValueError, a sentence, if file, layer or field do not exist or the field holds no classes.
    """
    path, options = _options(source)
    links = check_links(path)
    with damage_told(path):
        return _layer(path, layer, attribute, labels or {}, options, links)


def _layer(
    path: str,
    layer: str | None,
    attribute: str | None,
    labels: Mapping[str, str],
    options: Mapping[str, str],
    notices: list[str],
) -> Layer:
    try:
        chosen = _chosen(path, layer or options.get("layername"), options.get("layerid"))
        check_ends(path, chosen, options.get("subset"))
        info = pyogrio.read_info(path, layer=chosen)
        if attribute is not None:
            _check_field(attribute, info)
        ids, geometries, values = _features(path, chosen, attribute, options.get("subset"))
    except (DataSourceError, DataLayerError, UnicodeError) as error:
        raise ValueError(
            f"The layer {path} cannot be read as vectors ({error}). Check that the file is whole, or choose "
            "another layer."
        ) from error
    names, order = _called(*_names(values, attribute or ""), labels)
    check_number(order)
    notices = [*notices, *_case_notices(order)]
    for lacking, what in ((names == "", f"no class in the field '{attribute}'"), (geometries == None, "no geometry")):  # noqa: E711
        if lacking.any():
            notices.append(f"{features_are(ids[lacking])} left out: {what}.")
    kept = (names != "") & (geometries != None)  # noqa: E711
    return Layer(ids[kept], geometries[kept], names[kept], order, _crs(info["crs"]), notices)


def _options(source: str) -> tuple[str, dict[str, str]]:
    """The path and what QGIS adds to it after a |; a file's own name may hold one."""
    if os.path.exists(source) or "|" not in source:
        return source, {}
    path, *parts = source.split("|")
    options: dict[str, str] = {}
    for number, part in enumerate(parts):
        name, _, value = part.partition("=")
        if name.lower() == "subset":  # the last one; its text may hold a | too
            options["subset"] = "|".join([value, *parts[number + 1 :]])
            break
        options[name.lower()] = value
    return path, options


def _chosen(path: str, layer: str | None, number: str | None) -> str:
    layers = pyogrio.list_layers(path)
    names = [str(name) for name, _ in layers]
    if layer is None and number is not None and number.isdecimal() and int(number) < len(names):
        return names[int(number)]
    spatial = [str(name) for name, kind in layers if kind is not None]  # QGIS keeps styles in a table beside them
    if layer is None and len(spatial or names) == 1:
        return (spatial or names)[0]
    if layer not in names:
        problem = f"has no layer {layer!r}" if layer else "has several layers"
        raise ValueError(f"The file {path} {problem}; choose one of {listed(names)}.")
    return str(layer)


def _check_field(attribute: str, info: dict[str, Any]) -> None:
    fields = [str(name) for name in info["fields"]]
    if attribute not in fields:
        raise ValueError(f"The layer has no field {attribute!r}; its fields are {listed(fields, 40) or 'none'}.")
    kind = info["ogr_types"][fields.index(attribute)]
    if kind not in ("OFTString", "OFTInteger", "OFTInteger64", "OFTReal"):
        raise ValueError(
            f"The field {attribute!r} holds neither text nor whole numbers ({kind[3:].lower()}) and so no classes; "
            "choose another field."
        )


def _features(path: str, layer: str, attribute: str | None, where: str | None) -> tuple[Any, Any, Any]:
    columns = [] if attribute is None else [attribute]
    try:
        _, ids, wkb, fields = pyogrio.raw.read(
            path, layer=layer, columns=columns, where=where, force_2d=True, return_fids=True
        )
    except (ValueError, DataSourceError, DataLayerError) as error:
        if where is None:
            raise
        raise ValueError(f"The layer's filter {where!r} cannot be used ({error}).") from error
    geometries = np.full(len(ids), None, dtype=object)
    if wkb is not None:
        geometries[:] = shapely.from_wkb(wkb, on_invalid="fix")
    geometries[shapely.is_empty(geometries)] = None
    values = fields[0] if columns else np.full(len(ids), ONE, dtype=object)
    return np.asarray(ids), geometries, values


def _names(values: NDArray[Any], attribute: str) -> tuple[NDArray[np.object_], list[str]]:
    """The class name of every feature, '' for none, and all names in order: numbers by size, text by alphabet."""
    if values.dtype == object:
        texts = [plain(text) if isinstance(text, str) else "" for text in values]
        return np.array(texts, dtype=object), sorted(set(texts) - {""}, key=lambda text: (text.casefold(), text))
    there = np.isfinite(values)
    numbers = values[there]
    if (numbers != np.floor(numbers)).any():
        raise ValueError(
            f"The field {attribute!r} holds numbers with fractions and so no classes; choose another field."
        )
    names = np.full(len(values), "", dtype=object)
    names[there] = [str(int(number)) for number in numbers]
    return names, [str(int(number)) for number in np.unique(numbers)]


def _called(
    names: NDArray[np.object_], order: list[str], labels: Mapping[str, str]
) -> tuple[NDArray[np.object_], list[str]]:
    """Names and order with every value called what it is to be called; values of one name become one class."""
    called = {name: plain(labels.get(name, name)) or name for name in order}
    return np.array([called.get(name, "") for name in names], dtype=object), list(dict.fromkeys(called.values()))


def _case_notices(order: list[str]) -> list[str]:
    folded: dict[str, list[str]] = {}
    for name in order:
        folded.setdefault(name.casefold(), []).append(name)
    alike = [" / ".join(names) for names in folded.values() if len(names) > 1]
    return (
        [f"Class names that differ in capitals only are taken as different classes: {listed(alike)}."] if alike else []
    )


def features_are(ids: NDArray[np.int64]) -> str:
    """'2 features are' with their numbers."""
    number, _, verb = counted(len(ids), "feature").rpartition(" ")
    return f"{number} ({listed([str(one) for one in ids])}) {verb}"


def _crs(text: str | None) -> CRS | None:
    """The layer's coordinate system; None if it has none or one that only says that it is not known."""
    if not text:
        return None
    try:
        crs = CRS.from_user_input(text)
        known = (crs.is_projected or crs.is_geographic) and "undefined" not in crs.to_wkt().lower()
    except (CRSError, CPLE_BaseError):
        return None
    return crs if known else None
