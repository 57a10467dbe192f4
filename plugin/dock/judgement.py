"""What the panel says of a chosen layer: usable or not, described, with everything the user should know. No widgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, List, Optional, Tuple

from qgis.core import QgsMapLayer

from ...backend.facts import Facts
from ...backend.protocol import Described
from ...backend.reading import Reading
from .. import layers, readings
from ..words import describe, details
from .facts_reader import Answer
from .tone import Tone

CHECKING = "Checking what the file says…"
PRODUCT = "product"
"""Topic of a line that leads to opening the layer's file as a product."""
_PART = "• QGIS shows only a part of this product, in its own way; a run uses the whole product."
Ask = Callable[[str, Reading], Optional[Answer]]
"""Path and reading in; the backend's answer, or None as long as it is not there. LookupError: there is no backend."""
_TOPICS = (
    ("reflectance scale", "scale"),
    ("wavelength", "wavelengths"),
    ("nodata", "nodata"),
    ("0 in every band", "nodata"),
    ("marked as bad", "bands"),
)
"""What a notice is about, by words of it: what can be set in the scene settings."""


@dataclass(frozen=True)
class Line:
    """A sentence in its tone; ``topic``: what the user can change there."""

    tone: Tone
    text: str
    topic: str = ""


@dataclass(frozen=True)
class Judgement:
    """What is known of a layer."""

    source: Optional[str] = None
    """The file or folder, None as long as it cannot be used."""
    path: str = ""
    """The file or folder whatever it holds; empty if there is none."""
    facts: Optional[Facts] = None
    is_told: bool = False
    """Whether the facts are the backend's word, which alone knows quality flags."""
    lines: Tuple[Line, ...] = ()
    details: Tuple[Tuple[str, str], ...] = ()
    is_checking: bool = False
    is_refused: bool = False

    def notice_on(self, topic: str) -> str:
        """What was said on a topic, or nothing."""
        return next((one.text.lstrip("•✗ ") for one in self.lines if topic and one.topic == topic), "")


def judge(layer: Optional[QgsMapLayer], ask: Ask) -> Judgement:
    """What is known of a layer now."""
    if layer is None:
        return Judgement(lines=(Line(Tone.DOUBT, "Add a hyperspectral raster to the project (Layer, Add Layer)."),))
    path = ""
    try:
        path = layers.source_path(layer)
        known = readings.known(layer, path)
    except ValueError as error:
        return _refused(Judgement(path=path), [str(error)])
    try:
        answer = ask(path, known.reading)
    except LookupError:
        found = _plain(path, "Mixel's own Python reads this product: set it up, and what it holds is shown here.")
    else:
        found = _answered(path, answer, known.reading)
    if layers.is_part(layer) and not found.is_refused:
        found = replace(found, lines=(*found.lines, Line(Tone.DOUBT, _PART, PRODUCT)))
    notes = tuple(Line(Tone.DOUBT, f"• {text}", "nodata" if "odata" in text else "") for text in known.notes)
    return replace(found, lines=found.lines + notes)


def _answered(path: str, answer: Optional[Answer], reading: Reading) -> Judgement:
    if answer is None:
        found = replace(_plain(path, CHECKING), is_checking=True)
        waiting = () if found.lines[0].text == CHECKING else (Line(Tone.PLAIN, CHECKING),)
        return replace(found, lines=found.lines + waiting)
    if isinstance(answer, Described):
        return _told(path, answer, reading)
    found = _plain(path, "This product could not be looked at beforehand; a run tries it.")
    if not found.is_refused:
        found = replace(found, source=path)
    return replace(found, lines=(*found.lines, Line(Tone.DOUBT, f"• {answer}")))


def _told(path: str, answer: Described, reading: Reading) -> Judgement:
    """The backend's word."""
    try:
        facts = Facts.from_dict(answer.facts) if answer.facts else None
    except ValueError:
        facts = None  # a backend of another version; what it says in words stands
    found = Judgement(
        path=path, facts=facts, is_told=facts is not None, details=tuple(details(facts, reading)) if facts else ()
    )
    if answer.refusal or facts is None:
        return _refused(found, [answer.refusal or "The backend said nothing of use about the scene."])
    notices = tuple(Line(Tone.DOUBT, f"• {text}", _topic(text)) for text in answer.notices)
    return replace(found, source=path, lines=(Line(Tone.GOOD, f"✓ {describe(facts)}"), *notices))


def _plain(path: str, unknown: str) -> Judgement:
    """What QGIS's GDAL sees; ``unknown`` is said where it would be fooled."""
    try:
        facts = layers.plain_facts(path)
    except ValueError as error:
        return _refused(Judgement(path=path), [str(error)])
    if facts is None:
        return Judgement(path=path, lines=(Line(Tone.DOUBT, unknown),))
    found = Judgement(path=path, facts=facts)
    refusals = facts.refusals()
    if refusals:
        return _refused(found, refusals)
    notices = tuple(Line(Tone.DOUBT, f"• {text}", _topic(text)) for text in facts.notices())
    return replace(found, source=path, lines=(Line(Tone.GOOD, f"✓ {describe(facts)}"), *notices))


def _refused(found: Judgement, sentences: List[str]) -> Judgement:
    first = (Line(Tone.PLAIN, describe(found.facts)),) if found.facts else ()
    lines = (*first, *(Line(Tone.BAD, f"✗ {text}", _topic(text) if found.facts else "") for text in sentences))
    return replace(found, lines=lines, is_refused=True)


def _topic(text: str) -> str:
    return next((topic for words, topic in _TOPICS if words in text.lower()), "")
