"""Settings: the fields of a Config are the form, the toolbox parameters, the job file and the help.

A Config is a frozen dataclass whose fields are made by :func:`setting`. Standard library only and Python 3.9,
because QGIS's Python reads it too.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Dict, List, Optional, Tuple, Type, TypeVar, Union

Value = Union[bool, int, float, str]
C = TypeVar("C")


@dataclass(frozen=True)
class Setting:
    """What a user may know about one field of a Config. ``type`` is bool, int, float or str."""

    name: str
    type: Type[Any]
    default: Value
    label: str
    help: str
    unit: str = ""
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    choices: Tuple[Tuple[str, str], ...] = ()
    """For text: (value, label) pairs."""
    advanced: bool = False

    def checked(self, value: Any) -> Value:
        """The value in this setting's type. ValueError, a sentence with the limits, if it does not fit."""
        if self.type is bool and isinstance(value, bool):
            return value
        if self.type is str and isinstance(value, str):
            allowed = [choice for choice, _ in self.choices]
            if allowed and value not in allowed:
                raise ValueError(f"'{self.label}' must be one of {', '.join(allowed)}, not {value!r}.")
            return value
        if self.type in (int, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
            if not _is_finite(value) or (self.type is int and value != int(value)):
                kind = "a whole number" if self.type is int else "a number"
                raise ValueError(f"'{self.label}' must be {kind}, not {value!r}.")
            if self.minimum is not None and value < self.minimum:
                raise ValueError(f"'{self.label}' must be at least {self.minimum:g}, not {value:g}.")
            if self.maximum is not None and value > self.maximum:
                raise ValueError(f"'{self.label}' must be at most {self.maximum:g}, not {value:g}.")
            number: Value = self.type(value)
            return number
        raise ValueError(f"'{self.label}' must be of type {self.type.__name__}, not {value!r}.")


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond any float
        return False


def setting(
    default: Value,
    label: str,
    help: str,
    *,
    unit: str = "",
    minimum: Optional[float] = None,
    maximum: Optional[float] = None,
    choices: Tuple[Tuple[str, str], ...] = (),
    advanced: bool = False,
) -> Any:
    """A field of a Config: its default and, beside it, everything that is shown of it."""
    shown = {"label": label, "help": help, "unit": unit, "minimum": minimum, "maximum": maximum}
    return field(default=default, metadata={**shown, "choices": choices, "advanced": advanced})


def settings(config: Type[Any]) -> List[Setting]:
    """The settings of a Config class, in their order."""
    found = []
    for item in fields(config):
        if item.default is MISSING or not item.metadata:
            raise TypeError(f"The field {item.name} of {config.__name__} is not made by setting().")
        found.append(Setting(name=item.name, type=type(item.default), default=item.default, **item.metadata))
    return found


def build(config: Type[C], values: Dict[str, Any]) -> C:
    """A Config with these values, the rest by default. ValueError names the setting that is unknown or wrong."""
    known = {item.name: item for item in settings(config)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ValueError(f"There is no setting {unknown[0]!r}; the settings are {', '.join(known)}.")
    return config(**{name: known[name].checked(value) for name, value in values.items()})
