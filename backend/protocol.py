"""The wire between Mixel's two programs: one Job file goes in, Events come out.

Standard library only and Python 3.9, because QGIS's Python reads it too. Nothing here starts or runs a job.

Wire format
-----------
``python -m backend job.json [--output FOLDER] [--parent PID]`` runs one job and exits. ``--output`` takes the place
of the job's output folder; with ``--parent`` the process ends as soon as process PID is gone. Standard output carries
nothing but events, one JSON object a line, UTF-8, in this order:

* ``{"event": "started", "task", "method", "device", "scan", "version"}`` once, first, unless the job itself is
  refused; ``scan`` says which form of the selective scan runs where, and why; empty where no network runs;
* any number of
  ``{"event": "progress", "fraction": 0-1, "message", "seconds_left": number or null}``,
  ``{"event": "metric", "name", "value", "step", "unit"}`` (a point of a live curve),
  ``{"event": "notice", "message"}`` (something the user must know: a guess, a fallback, ignored pixels),
  ``{"event": "output", "kind", "path", "label"}`` (a finished file, already whole and in its place);
* ``{"event": "done", "seconds", "metrics": {name: number}}`` or
  ``{"event": "failed", "message", "details"}`` once, last. ``message`` is a sentence for the user that says what
  to do, ``details``, if any, a traceback or the end of the log.

``python -m backend --facts PATH`` answers what a file or folder is, without running anything and without torch. One
line comes: ``{"event": "described", "facts": object, "notices": [text, ...], "refusal": text}``, or ``failed``.
``refusal`` says why Mixel cannot use it; ``facts`` may be empty then. A reading kept beside the scene
(:mod:`.reading`) counts.

The exit code is 0 after done, 1 after failed. A process that ends without either of them has crashed; its parent
writes the failed event, or, without ``--parent``, the backend's second process (:mod:`.watchdog`).
Everything else the libraries print goes to standard error. A byte of a file name that is not UTF-8 stands as JSON's
escape of a lone surrogate (``\\udc80`` to ``\\udcff``), as Python reads such names.

The job file is a JSON object with the fields of :class:`Job`; after a run ``record`` says what happened (all settings,
versions, seconds, metrics, notices). ``python -m backend job.json --output FOLDER`` repeats the run anywhere.
While a run is under way its unfinished files live in the folder :data:`PARTIAL` inside the output folder; it may
be deleted whenever no run is under way.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Dict, List, Optional, Type, Union, get_args, get_origin, get_type_hints

JOB_FILE = "job.json"
LOG_FILE = "log.txt"
PARTIAL = ".mixel-partial"
INPUTS = "inputs"
"""Folder in the output folder: copies of vector layers that QGIS made for this run."""
OWNER = "pid"
"""File in PARTIAL: the number of the process that writes there and when it started, in seconds since 1970."""
JOURNAL = "journal"
"""File in PARTIAL: the finished files that are being moved into place, by name."""
TEMPORARY = "tmp"
"""Folder in PARTIAL: the temporary files of the run's process."""
FORMAT = 1
LARGEST_JOB = 64_000_000
"""Bytes of a job file that is read."""
LONGEST_DEVICE = 200


@dataclass(frozen=True)
class Job:
    """One run on paper: the request, and after the run its record."""

    task: str
    method: str
    """Empty for a task that no method is chosen for."""
    scene: str
    """The hyperspectral raster; empty for a task without one."""
    output: str
    settings: Dict[str, Any] = field(default_factory=dict)
    """The method's."""
    options: Dict[str, Any] = field(default_factory=dict)
    """The task's own, whatever the method."""
    inputs: Dict[str, Dict[str, Any]] = field(default_factory=dict)
    """Other files that are read, by the names of the task's description: at least ``{"path": text}`` each."""
    scale: Optional[float] = None
    """Stored value that means reflectance 1 (10000 for most products); None: as the reading or the file says."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda``, ``mps``, a number such as ``cuda:1``, or (part of) a graphics card's name."""
    record: Dict[str, Any] = field(default_factory=dict)
    reading: Dict[str, Any] = field(default_factory=dict)
    """What the user knows better than the scene's file: :class:`backend.reading.Reading` as a dictionary."""
    format: int = FORMAT

    @classmethod
    def read(cls, path: Union[str, Path]) -> Job:
        """Read a job file. ValueError, a sentence, if it is no job file of this format."""
        try:
            given = Path(path)
            if given.exists() and not (given.is_file() and given.stat().st_size <= LARGEST_JOB):
                raise ValueError(f"it is no file, or larger than {LARGEST_JOB:,} bytes")
            content = json.loads(given.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"The job file {path} cannot be read ({error}). Make it again in QGIS.") from error
        return cls.from_dict(content)

    @classmethod
    def from_dict(cls, content: Any) -> Job:
        """Make a job of parsed JSON. ValueError names the first field that is missing, unknown or of a wrong type."""
        if not isinstance(content, dict):
            raise ValueError("A job file must hold one JSON object.")
        if content.get("format", FORMAT) != FORMAT:
            raise ValueError(
                f"The job file has format {content.get('format')!r}; this Mixel reads format {FORMAT}. "
                "Make the job again in QGIS, or use the Mixel version that wrote it."
            )
        known = {item.name for item in fields(cls)}
        unknown = sorted(set(content) - known)
        if unknown:
            raise ValueError(f"The job file has the unknown field {unknown[0]!r}.")
        for name in ("task", "method", "scene", "output"):
            empty = name in ("task", "output") and not content.get(name)
            if not isinstance(content.get(name), str) or empty:
                raise ValueError(f"The job file needs the field {name!r}, a text.")
        for name in ("settings", "options", "inputs", "record", "reading"):
            if not isinstance(content.get(name, {}), dict):
                raise ValueError(f"The field {name!r} of the job file must be an object.")
        for name, one in content.get("inputs", {}).items():
            if not isinstance(one, dict) or not isinstance(one.get("path"), str) or not one["path"]:
                raise ValueError(f"The input {name!r} of the job file must be an object with the text 'path'.")
        scale = content.get("scale")
        if scale is not None and not (type(scale) in (int, float) and 0 < scale < 1e9):
            raise ValueError("The field 'scale' of the job file must be a positive number or null.")
        device = content.get("device", "auto")
        if not isinstance(device, str) or not device.strip() or len(device) > LONGEST_DEVICE:
            raise ValueError("The field 'device' of the job must be 'auto', 'cpu', 'cuda', 'mps' or a card's name.")
        return cls(**content)

    def write(self, path: Union[str, Path]) -> None:
        """Write the job file, whole or not at all."""
        target = Path(path)
        partial = target.with_name(target.name + ".part")
        text = json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"
        try:
            partial.write_text(text, encoding="utf-8", errors="backslashreplace")
            os.replace(partial, target)
        except OSError:
            partial.unlink(missing_ok=True)
            raise


@dataclass(frozen=True)
class Started:
    task: str
    method: str
    device: str
    scan: str
    version: str


@dataclass(frozen=True)
class Progress:
    fraction: float
    message: str
    seconds_left: Optional[float] = None


@dataclass(frozen=True)
class Metric:
    name: str
    value: float
    step: int
    unit: str = ""


@dataclass(frozen=True)
class Notice:
    message: str


@dataclass(frozen=True)
class Output:
    """A finished file. ``kind`` is the name of one of the task's layers or files, ``report`` or ``job``."""

    kind: str
    path: str
    label: str


@dataclass(frozen=True)
class Done:
    seconds: float
    metrics: Dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    message: str
    details: str = ""


@dataclass(frozen=True)
class Described:
    """What a scene is: :class:`backend.facts.Facts` as a dictionary, what is to be told, or why it cannot be used."""

    facts: Dict[str, Any]
    notices: List[str] = field(default_factory=list)
    refusal: str = ""


Event = Union[Started, Progress, Metric, Notice, Output, Done, Failed, Described]
_EVENTS: Dict[str, Type[Any]] = {
    kind.__name__.lower(): kind for kind in (Started, Progress, Metric, Notice, Output, Done, Failed, Described)
}


def encode(event: Event) -> str:
    """One event as one line of JSON, without the line break."""
    return json.dumps({"event": type(event).__name__.lower(), **asdict(event)}, ensure_ascii=False)


_FIELDS = {kind: get_type_hints(kind) for kind in _EVENTS.values()}
_LARGEST = 2**63
"""Integers beyond it are nobody's, and have no floating-point form sooner or later."""


def decode(line: str) -> Event:
    """One line of JSON as an event. ValueError if the line is not one, lacks a field or has one of a wrong type.

    Numbers are finite, but for the values of ``metrics``, where NaN says that there is no figure. Unknown fields are
    left out.
    """
    try:
        content = json.loads(line)
        kind = _EVENTS[content.pop("event")]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"Not an event of Mixel's backend: {line[:200]!r}") from error
    known = {name: value for name, value in content.items() if name in _FIELDS[kind]}
    for name, value in known.items():
        if not _is_a(value, _FIELDS[kind][name]) or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"An event of Mixel's backend has a wrong value for {name!r}: {line[:200]!r}")
    try:
        event: Event = kind(**known)
    except TypeError as error:
        raise ValueError(f"An event of Mixel's backend lacks a field: {line[:200]!r}") from error
    return event


def _is_a(value: Any, hint: Any) -> bool:
    """Whether parsed JSON is of a field's type; a whole number is a number too, true and false are not."""
    inside = get_args(hint)
    if hint is Any:
        return True
    if get_origin(hint) is Union:
        return any(_is_a(value, one) for one in inside)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(_is_a(one, inside[1]) for one in value.values())
    if get_origin(hint) is list:
        return isinstance(value, list) and all(_is_a(one, inside[0]) for one in value)
    if type(value) is int:
        return hint in (int, float) and abs(value) < _LARGEST
    return type(value) is hint
