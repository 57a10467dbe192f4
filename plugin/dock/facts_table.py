"""What a product is, as a table, and its quality flags as boxes to check."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QCheckBox, QFormLayout, QGridLayout, QGroupBox, QLabel, QWidget

from ...backend.facts import Facts, Flag
from ...backend.reading import Reading
from ..words import details, span

_COLUMNS = 2


class FactsTable(QWidget):
    """Rows of a name and what is known; hidden as long as nothing is."""

    def __init__(self) -> None:
        """An empty table."""
        super().__init__()
        self.setObjectName("factsTable")
        self._layout = QFormLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setVerticalSpacing(3)

    def show_facts(self, facts: Optional[Facts]) -> None:
        """Show these facts, or nothing."""
        while self._layout.rowCount():
            self._layout.removeRow(0)
        self.setVisible(facts is not None)
        for name, text in rows(facts) if facts else []:
            label = QLabel(text)
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._layout.addRow(f"{name}:", label)


class FlagBoxes(QGroupBox):
    """The quality flags of a product; hidden where it has none."""

    def __init__(self) -> None:
        """No boxes."""
        super().__init__("Leave out pixels marked as")
        self.setObjectName("flagBoxes")
        self._layout = QGridLayout(self)
        self._boxes: List[Tuple[str, QCheckBox]] = []

    @property
    def has_any(self) -> bool:
        """Whether there are flags to choose from."""
        return bool(self._boxes)

    def show_flags(self, flags: Sequence[Flag], chosen: Optional[Sequence[str]] = None) -> None:
        """A box for each flag; checked are the ``chosen`` ones, by default those that the product leaves out."""
        for _, box in self._boxes:
            self._layout.removeWidget(box)
            box.deleteLater()
        self._boxes = []
        for number, flag in enumerate(flags):
            box = QCheckBox(flag.text)
            box.setObjectName(f"flag_{flag.name}")
            box.setChecked(flag.by_default if chosen is None else flag.name in chosen)
            self._layout.addWidget(box, number // _COLUMNS, number % _COLUMNS)
            self._boxes.append((flag.name, box))
        self.setVisible(bool(flags))

    def chosen(self) -> List[str]:
        """Names of the checked flags."""
        return [name for name, box in self._boxes if box.isChecked()]


def rows(facts: Facts) -> List[Tuple[str, str]]:
    """What the table says of a scene."""
    used = facts.num_good_bands
    bands = f"{facts.bands}" if used == facts.bands else f"{used} of {facts.bands} usable"
    found = [("Bands", bands), ("Wavelengths", span(facts) if facts.wavelengths else "not stated")]
    found.append(("Size", f"{facts.rows} rows × {facts.cols} columns, {facts.dtype}"))
    named = [one for one in details(facts, Reading()) if one[0] not in ("Product", "Left out")]
    return found + named
