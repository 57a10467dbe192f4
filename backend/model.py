"""Trained models on disk: a JSON card that says what a model is, and beside it its numbers as safetensors.

Both may come from a stranger: nothing is unpickled, and whatever does not fit is refused with a sentence.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from . import config, version
from .cube import Array
from .damage import damage_told
from .labels import Class, make_classes
from .links import check_file
from .methods import Method, method
from .methods.contract import Classifier
from .names import is_showable
from .novelty import Novelty

CARD, WEIGHTS = "model.json", "model.safetensors"
FORMAT = 2
MOST_CARD, MOST_WEIGHTS = 20_000_000, 2_000_000_000
"""Bytes; larger files are no models of Mixel."""
MEMORY_SHARE = 0.4
"""Of the free memory that the weights of a model may take: they are unpacked beside what was read."""
PIECE = 2**22
LONGEST_WAVE = 1e6
"""nm."""
MOST_BANDS = 10_000
MOST_TEXT = 1000
"""Characters of a text in a card; some of them stand in reports."""
Numbers = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Model:
    """What the training of a classification leaves behind.

    ``settings``: of the method. ``wavelengths``, ``fwhm`` (bands,) nm of the scene trained on, or None. ``lowest``,
    ``highest`` (bands,): reflectances of all training pixels lie between. ``record``: how it was trained, for people.
    """

    task: str
    method: str
    settings: dict[str, Any]
    classes: tuple[Class, ...]
    wavelengths: Array | None
    fwhm: Array | None
    lowest: Array
    highest: Array
    weights: Numbers
    novelty: Novelty
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def bands(self) -> int:
        """How many bands it was trained on."""
        return len(self.lowest)

    @property
    def described(self) -> Method:
        """Its method. ValueError if this Mixel has no such method, or it does another task."""
        chosen = method(self.method)
        if chosen.task != self.task:
            raise ValueError(f"{chosen.label} does not do the task {self.task!r} that the model card names.")
        return chosen

    @property
    def configured(self) -> Any:
        """Its method's Config. ValueError if a setting is unknown or wrong."""
        return config.build(self.described.config, self.settings)

    def restored(self, device: Any) -> Classifier:
        """The classifier, ready to work. ValueError, a sentence, if the weights do not fit the card."""
        restore = self.described.load().restore
        found: Classifier = restore(self.weights, self.configured, len(self.classes), self.wavelengths, device)
        return found

    def write(self, folder: Path) -> None:
        """Write ``model.json`` and ``model.safetensors`` into a folder."""
        arrays = {f"weights/{name}": value for name, value in self.weights.items()}
        arrays |= {f"novelty/{name}": value for name, value in self.novelty.arrays().items()}
        arrays |= {"range/lowest": self.lowest, "range/highest": self.highest}
        packed = save({name: np.array(value, order="C") for name, value in arrays.items()})
        (folder / WEIGHTS).write_bytes(packed)
        card = {
            "format": FORMAT,
            "mixel": version(),
            "task": self.task,
            "method": self.method,
            "settings": self.settings,
            "classes": [asdict(one) for one in self.classes],
            "wavelengths": _listed(self.wavelengths),
            "fwhm": _listed(self.fwhm),
            "weights": WEIGHTS,
            "bytes": len(packed),
            "sha256": hashlib.sha256(packed).hexdigest(),
            "record": self.record,
        }
        (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_model(path: str | Path) -> Model:
    """Read a model from its card, or from its weights beside the card. ValueError, a sentence, if it is none."""
    with damage_told(path):
        return _read(Path(path))


def _read(given: Path) -> Model:
    for name in (CARD, WEIGHTS, given.name):
        check_file(given.with_name(name))
    place = given.with_name(CARD) if given.name == WEIGHTS else given
    card = _card(place)
    arrays = _arrays(place.with_name(WEIGHTS), card)
    lowest, highest = (_row(arrays, f"range/{name}") for name in ("lowest", "highest"))
    if lowest.shape != highest.shape or not 1 <= len(lowest) <= MOST_BANDS:
        raise ValueError(f"The model {place} is damaged: its ranges do not fit together. Train it again.")
    axis, fwhm = (_axis(card, name, len(lowest)) for name in ("wavelengths", "fwhm"))
    record = _object(card, "record")
    if "scene" in record:
        _text(record, "scene")
    made = Model(
        _text(card, "task"),
        _text(card, "method"),
        _object(card, "settings"),
        _classes(card),
        axis,
        fwhm,
        lowest,
        highest,
        _under(arrays, "weights/"),
        Novelty.restore(_under(arrays, "novelty/")),
        record,
    )
    if len(made.novelty.mean) != made.bands or len(made.novelty.spreads) > len(made.classes):
        raise ValueError(
            f"The model {place} is damaged: its parts have different numbers of bands or classes. Train it again."
        )
    _ = made.configured  # refused here, before anything starts
    return made


def _card(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_CARD:
            raise ValueError(f"The model card {path} is too large to be one.")
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"The model card {path} cannot be read ({error}). Choose the file {CARD} of a run.") from error
    if not isinstance(card, dict) or "method" not in card:
        raise ValueError(f"The file {path} is no model card of Mixel. Choose the file {CARD} of a run.")
    _check_texts(card)
    if card.get("format") != FORMAT:
        raise ValueError(
            f"The model card {path} has format {card.get('format')!r}; this Mixel reads format {FORMAT}. Train the "
            "model again, or use the version of Mixel that wrote it."
        )
    return card


def _check_texts(card: dict[str, Any]) -> None:
    """ValueError, a sentence, if a text anywhere in a card is too long to be shown, or cannot be."""
    left: list[Any] = [card]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one, *one.values()]
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and len(one) > MOST_TEXT:
            raise ValueError(
                f"The model card holds a text of {len(one):,} characters; {MOST_TEXT} at most are possible. Choose "
                "another model."
            )
        elif isinstance(one, str) and not is_showable(one):
            raise ValueError(
                f"The model card holds the text {one[:40]!r}, with characters that cannot be shown. Choose another "
                "model, or train it again."
            )


def _arrays(path: Path, card: dict[str, Any]) -> Numbers:
    """The arrays of a weights file. Its size and digest are held against the card before it is read into memory."""
    try:
        size = path.stat().st_size
        _check_size(path, size, card.get("bytes", size))
        if _digest(path) != card.get("sha256"):
            raise ValueError(f"The weights {path} are damaged or belong to another model card. Copy both files again.")
        packed = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"The model's weights {path} cannot be read ({error.strerror}). They must lie beside the card; copy both "
            "files of the model."
        ) from error
    try:
        return dict(load(packed))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"The weights {path} are no safetensors file ({error}). Train the model again.") from error


def _check_size(path: Path, size: int, stated: object) -> None:
    if size != stated:
        raise ValueError(f"The weights {path} are damaged or belong to another model card. Copy both files again.")
    if size > MOST_WEIGHTS:
        raise ValueError(f"The weights {path} are too large to be a model of Mixel. Choose another model.")
    free = psutil.virtual_memory().available
    if size > MEMORY_SHARE * free:
        raise ValueError(
            f"The model's weights take {size / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory are free. Close other "
            "programs, or train a smaller model."
        )


def _digest(path: Path) -> str:
    """SHA-256 of a file, read piece by piece."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def _under(arrays: Numbers, prefix: str) -> Numbers:
    return {name[len(prefix) :]: value for name, value in arrays.items() if name.startswith(prefix)}


def _row(arrays: Numbers, name: str) -> Array:
    values = arrays.get(name)
    if values is None or values.ndim != 1 or values.dtype != np.float32 or not np.isfinite(values).all():
        raise ValueError(f"The model is damaged: {name!r} is missing or no list of numbers. Train it again.")
    return values


def _axis(card: dict[str, Any], name: str, bands: int) -> Array | None:
    values = card.get(name)
    if values is None:
        return None
    sound = isinstance(values, list) and len(values) == bands
    if not sound or not all(type(one) in (int, float) and 0 <= one <= LONGEST_WAVE for one in values):
        raise ValueError(f"The model card's {name!r} must be {bands} numbers in nanometres, or null.")
    return np.asarray(values, np.float32)


def _classes(card: dict[str, Any]) -> tuple[Class, ...]:
    given = card.get("classes")
    fields = {"value", "name", "colour"}
    if not isinstance(given, list) or not all(isinstance(one, dict) and fields <= set(one) for one in given):
        raise ValueError("The model card's classes must be a list of objects with value, name and colour.")
    if [one["value"] for one in given] != list(range(1, len(given) + 1)):
        raise ValueError("The model card's classes must have the values 1, 2, 3 and so on.")
    names = [_text(one, "name") for one in given]
    return make_classes(names, {name: str(one["colour"]) for name, one in zip(names, given, strict=True)})


def _text(card: dict[str, Any], name: str) -> str:
    if not isinstance(card.get(name), str):
        raise ValueError(f"The model card's {name!r} must be a text.")
    return str(card[name])


def _object(card: dict[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(card.get(name, {}), dict):
        raise ValueError(f"The model card's {name!r} must be an object.")
    return dict(card.get(name, {}))


def _listed(values: Array | None) -> list[float] | None:
    return None if values is None else [round(float(one), 4) for one in values]
