"""Attributes and small datasets of HDF5 files as texts, numbers, wavelengths and dates, however they are stored."""

from __future__ import annotations

import re
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_DATE = re.compile(
    r"(?:(?<!\d)|(?<=AV\d))((?:19|20)\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])"
    r"(?:[tT_ ]([01]\d|2[0-3]):?([0-5]\d):?([0-5]\d)|(?!\d))"
)
_MICRO = re.compile(r"micro|[uµμ]m")


def text(value: Any) -> str:
    """An attribute or a scalar dataset as text, whether it is bytes, text or an array of one of them; "" for None."""
    while isinstance(value, (np.ndarray, list, tuple)):
        if len(np.shape(value)) and not len(value):
            return ""
        value = value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value[0]
    if value is None or isinstance(value, h5py.Empty):
        return ""
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip("\0 \n\t")


def texts(value: Any) -> list[str]:
    """An array of texts, or one text of several words."""
    listed = np.ravel(np.asarray(value, dtype=object)).tolist()
    return text(listed[0]).split() if len(listed) == 1 else [text(one) for one in listed]


def numbers(value: Any) -> NDArray[np.float64]:
    """An attribute or dataset as a flat array of numbers, whether stored so or as text; empty for None."""
    if value is None or isinstance(value, h5py.Empty):
        return np.empty(0)
    found = np.ravel(np.asarray(value[()] if isinstance(value, h5py.Dataset) else value))
    if found.dtype.kind in "SUO":
        parts = " ".join(text(one) for one in found.tolist()).replace(",", " ").strip("[](){} ").split()
        try:
            return np.array(parts, dtype=float)
        except ValueError:
            return np.empty(0)
    return found.astype(float)


def number(value: Any) -> float | None:
    """One finite number of an attribute, or None."""
    found = numbers(value)
    return float(found[0]) if len(found) and np.isfinite(found[0]) else None


def fill_value(dataset: h5py.Dataset) -> float | None:
    """The value of missing pixels that a dataset's attributes state, or None."""
    for name in ("_FillValue", "missing_value", "Data_Ignore_Value"):
        if name in dataset.attrs:
            return number(dataset.attrs[name])
    return None


def spectral(waves: Any, widths: Any = None, unit: str = "") -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Wavelengths and (where given) widths in nm; without a unit judged by the wavelengths' size. No number becomes 0.

    ``waves``, ``widths``: attributes, or datasets whose own attributes may name the unit; else
    ``unit``, if any, is that of both.
    """
    found = _finite(waves)
    unit = unit.strip().lower() or _unit(waves)
    micrometres = _MICRO.match(unit) is not None or (not unit and len(found) > 0 and 0.2 < found.max() < 100)
    if widths is None:
        return found * (1e3 if micrometres else 1), None
    its_unit = _unit(widths)
    wide = _MICRO.match(its_unit) is not None if its_unit else micrometres
    return found * (1e3 if micrometres else 1), _finite(widths) * (1e3 if wide else 1)


def date(*texts_with_date: str) -> str:
    """The first date in these texts, ISO 8601; "" if there is none."""
    for one in texts_with_date:
        match = _DATE.search(one)
        if match:
            year, month, day, hour, *rest = match.groups()
            return f"{year}-{month}-{day}" + (f"T{hour}:{rest[0]}:{rest[1]}" if hour else "")
    return ""


def _finite(values: Any) -> NDArray[np.float64]:
    found = numbers(values)
    found[~np.isfinite(found) | (np.abs(found) > 1e6)] = 0
    return found


def _unit(values: Any) -> str:
    attributes = values.attrs if isinstance(values, h5py.Dataset) else {}
    named = next((attributes[name] for name in ("units", "Units", "unit", "Unit") if name in attributes), None)
    return text(named).lower()
