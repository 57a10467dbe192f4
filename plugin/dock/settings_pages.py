"""The pages of the scene settings: values, bands to leave out, pixels to leave out."""

from __future__ import annotations

import math
import re
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...backend.facts import COUNTS, RADIANCE, Facts
from ...backend.reading import Reading
from .. import band_ranges
from ..words import left_out
from .tone import Tone, set_tone

_SCALES = (
    ("as the file says, or found from its values", ""),
    ("1: the values are reflectance", "1"),
    ("100: percent", "100"),
    ("1000", "1000"),
    ("10000: most products", "10000"),
    ("65535: the whole range of 16 bits", "65535"),
)


class ValuesPage(QWidget):
    """Reflectance scale and nodata."""

    def __init__(self, facts: Optional[Facts]) -> None:
        """``facts``: what is known of the scene."""
        super().__init__()
        self.scale = QComboBox()
        self.scale.setObjectName("settingsScale")
        self.scale.setEditable(True)
        self.scale.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.scale.setCompleter(None)  # it would make "100: percent" of a 10
        for label, value in _SCALES:
            self.scale.addItem(label, value)
        self.nodata = QLineEdit()
        self.nodata.setObjectName("settingsNodata")
        self.nodata.setPlaceholderText("as the file says")
        form = QFormLayout(self)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.addRow("Reflectance scale: the stored value that means reflectance 1", self.scale)
        form.addRow(small(_about(facts)))
        form.addRow("Nodata: the stored value of missing pixels, in all bands", self.nodata)
        form.addRow(small("Pixels that are 0 in every band count as missing in any case."))

    def show_reading(self, reading: Reading) -> None:
        """Fill the page."""
        text = "" if reading.scale is None else f"{reading.scale:.10g}"
        known = [value for _, value in _SCALES]
        if text in known:
            self.scale.setCurrentIndex(known.index(text))
            self.scale.setEditText(self.scale.itemText(known.index(text)))
        else:
            self.scale.setEditText(text)
        self.nodata.setText("" if reading.nodata is None else f"{reading.nodata:.10g}")

    def values(self) -> Tuple[Optional[float], Optional[float]]:
        """Scale and nodata. ValueError, a sentence, if one is no number."""
        text = self.scale.currentText()
        scale = next((value for label, value in _SCALES if label == text), text)
        return _number(scale, "The reflectance scale"), _number(self.nodata.text(), "The nodata value")


class BandsPage(QWidget):
    """Ranges of bands to leave out, by wavelength or by number, and which bands that are."""

    def __init__(self, bands: int, wavelengths: Callable[[], Optional[Sequence[float]]]) -> None:
        """``bands``: of the scene, 0 if nobody knows; ``wavelengths``: asked whenever they matter."""
        super().__init__()
        self._bands, self._wavelengths = bands, wavelengths
        self.ranges = QLineEdit()
        self.ranges.setObjectName("settingsRanges")
        self._unit = QComboBox()
        self._unit.setObjectName("settingsUnit")
        self._meant = "nm"
        self._vapour = QPushButton("Water-vapour windows")
        self._vapour.setObjectName("settingsVapour")
        self._vapour.setAutoDefault(False)
        windows = band_ranges.as_text(band_ranges.WATER_VAPOUR).replace("-", "–")
        self._vapour.setToolTip(f"{windows} nm: there water vapour leaves hardly any light at the ground.")
        self._state = QLabel()
        self._state.setObjectName("settingsBandsState")
        self._state.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.ranges, 1)
        row.addWidget(self._unit)
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel("Leave out the bands in these ranges"))
        layout.addLayout(row)
        layout.addWidget(self._vapour, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._state)
        layout.addWidget(small("Bands that the file marks as bad, and bands that say nothing, are left out anyway."))
        layout.addStretch(1)
        self._vapour.clicked.connect(lambda *_: self._add_vapour())
        self.ranges.textChanged.connect(self.check)
        self._unit.currentIndexChanged.connect(self._choose_unit)

    def show_ranges(self, ranges: band_ranges.Ranges) -> None:
        """Fill the page."""
        self._meant = "nm" if self._wavelengths() else "numbers"
        self._fill_units()
        self.ranges.setText(band_ranges.as_text(ranges))

    def values(self) -> band_ranges.Ranges:
        """The ranges as a reading holds them. ValueError, a sentence, if they are none or nothing is left."""
        found = self._parsed()
        if self._bands and len(self._numbers(found)) == self._bands:
            raise ValueError("All bands of the scene lie in the ranges to leave out. Leave some of them in.")
        return found

    def check(self, *_: Any) -> None:
        """Say which bands are meant now."""
        self._fill_units()
        self._vapour.setEnabled(bool(self._wavelengths()))
        hint = "225-242" if self._unit.currentData() == "numbers" else "1340-1460, 1790-1960"
        self.ranges.setPlaceholderText(f"none; for example {hint}")
        try:
            found = self._numbers(self._parsed())
        except ValueError as error:
            self._state.setText(str(error))
            set_tone(self._state, Tone.BAD)
            return
        which = band_ranges.listed(found)
        count = f"{len(found)} {'band' if len(found) == 1 else 'bands'}"
        self._state.setText(f"Left out: {count} ({which})." if found else "No band is left out.")
        set_tone(self._state, Tone.PLAIN)

    def _parsed(self) -> band_ranges.Ranges:
        by_number = self._unit.currentData() == "numbers"
        return band_ranges.parse(self.ranges.text(), by_number, self._wavelengths(), self._bands)

    def _numbers(self, ranges: band_ranges.Ranges) -> List[int]:
        return band_ranges.numbers(ranges, self._wavelengths(), self._bands)

    def _fill_units(self) -> None:
        """Wavelengths can be meant only where there are some; what was meant stays, whatever comes and goes."""
        wanted = [("nm", "nm"), ("band numbers", "numbers")][0 if self._wavelengths() else 1 :]
        self._unit.blockSignals(True)
        if [self._unit.itemData(i) for i in range(self._unit.count())] != [value for _, value in wanted]:
            self._unit.clear()
            for label, value in wanted:
                self._unit.addItem(label, value)
        self._unit.setCurrentIndex(max(self._unit.findData(self._meant), 0))
        self._unit.blockSignals(False)

    def _choose_unit(self, *_: Any) -> None:
        self._meant = self._unit.currentData()
        self.check()

    def _add_vapour(self) -> None:
        try:
            now = self._parsed()
        except ValueError:
            return  # the page says already what is wrong
        self.show_ranges(band_ranges.with_water_vapour(now))


class PixelsPage(QWidget):
    """The product's quality flags."""

    def __init__(self, facts: Optional[Facts]) -> None:
        """``facts``: what the backend says of the scene; None as long as it has said nothing."""
        super().__init__()
        self._facts, self._kept = facts, Reading()
        self._boxes: Dict[str, QCheckBox] = {}
        flags = facts.flags if facts else ()
        layout = QVBoxLayout(self)
        layout.addWidget(small(_about_flags(facts)))
        for flag in flags:
            box = self._boxes[flag.name] = QCheckBox(flag.text + (" (usual)" if flag.by_default else ""))
            box.setObjectName(f"flag_{flag.name}")
            layout.addWidget(box)
        layout.addStretch(1)

    def show_reading(self, reading: Reading) -> None:
        """Fill the page."""
        self._kept = reading
        chosen = left_out(self._facts, reading) if self._facts else ()
        for name, box in self._boxes.items():
            box.setChecked(name in chosen)

    def values(self) -> Optional[List[str]]:
        """Names of the flags whose pixels are left out; None: the product's usual ones."""
        if self._facts is None:  # nobody knows the flags now: what was said stays
            return None if self._kept.flags is None else list(self._kept.flags)
        chosen = tuple(name for name, box in self._boxes.items() if box.isChecked())
        return None if chosen == left_out(self._facts, Reading()) else list(chosen)


def _about_flags(facts: Optional[Facts]) -> str:
    if facts is None:
        return "Which quality flags the product has is not known yet. What was set before stays as it is."
    if facts.flags:
        return "Leave out the pixels that the product marks as"
    if facts.masked_by:
        return (
            f"Left out when the product was opened: {facts.masked_by}. To choose other flags, press 'Open a product…' "
            "and open it again."
        )
    return "The product brings no quality flags by which pixels could be left out."


def small(text: str) -> QLabel:
    """A line of explanation."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setContentsMargins(0, 0, 0, 8)
    return label


def _about(facts: Optional[Facts]) -> str:
    if facts and facts.quantity in (RADIANCE, COUNTS):
        what = "radiance" if facts.quantity == RADIANCE else "raw counts"
        return f"The product holds {what}, used as it is. With a scale set here the values are taken as reflectance."
    return "Reflectance lies between 0 and 1: a scene stored as 0 to 10000 has scale 10000, one in percent 100."


def _number(text: str, what: str) -> Optional[float]:
    """A number as it is written, with a point or a comma; None for nothing."""
    bare = text.strip()
    if not bare:
        return None
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", bare):
        raise ValueError(
            f"{what} '{bare}' can be read in two ways. Write it without a comma, as {bare.replace(',', '')}."
        )
    bare = bare.replace(",", ".")
    try:
        found = float(bare)
    except ValueError:
        found = math.inf
    if math.isinf(found):
        raise ValueError(f"{what} must be a number, not '{text.strip()}'.")
    return found
