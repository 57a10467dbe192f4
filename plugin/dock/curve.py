"""A small live curve: the numbers of a training as it goes, one line for each."""

from __future__ import annotations

import math
from html import escape
from typing import Dict, List, Tuple

from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ...backend.protocol import Metric

_LATER = "#d95f02"
"""Of the second line: orange is told from any theme's highlight."""


class Curve(QWidget):
    """Draws the first two metrics it hears of on one scale; logarithmic where all are above 0, as losses are."""

    def __init__(self) -> None:
        """An empty curve."""
        super().__init__()
        self.setObjectName("curve")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._caption = QLabel()  # a label takes the theme's text colour, a painter would not
        self._caption.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._caption.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 3, 6, 0)
        layout.addWidget(self._caption)
        layout.addStretch(1)
        self.clear()

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(200, 104 if len(self._points) > 1 else 72)

    def clear(self) -> None:
        """Forget the curve."""
        self._points: Dict[str, List[Tuple[int, float]]] = {}
        self._units: Dict[str, str] = {}
        self._caption.clear()
        self._keep_height()
        self.update()

    def add(self, metric: Metric) -> None:
        """Draw one more point. A third metric and values without a place are left out."""
        if not math.isfinite(metric.value) or (metric.name not in self._points and len(self._points) == 2):
            return
        self._points.setdefault(metric.name, []).append((metric.step, metric.value))
        self._units[metric.name] = metric.unit
        self._caption.setText(self._coloured_caption())
        self._keep_height()
        self.update()

    def caption(self) -> str:
        """The newest values in words."""
        return ", ".join(self._words())

    def line(self, area: QRectF, name: str = "") -> List[QPointF]:
        """A metric's points within an area (the first one's without a name), oldest left, largest value on top."""
        if not self._points:
            return []
        every = [point for points in self._points.values() for point in points]
        positive = all(value > 0 for _, value in every)
        height = math.log10 if positive else float
        steps, heights = [step for step, _ in every], [height(value) for _, value in every]
        low, span = min(heights), (max(heights) - min(heights)) or 1.0
        first, length = min(steps), (max(steps) - min(steps)) or 1
        return [
            QPointF(
                area.left() + area.width() * (step - first) / length,
                area.bottom() - area.height() * (height(value) - low) / span,
            )
            for step, value in self._points[name or next(iter(self._points))]
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Called by Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = self._caption.geometry().bottom() + 4
        area = QRectF(self.rect().adjusted(6, top, -6, -6))
        for name, colour in zip(self._points, self._colours()):
            painter.setPen(QPen(colour, 1.6))
            painter.drawPolyline(QPolygonF(self.line(area, name)))
        painter.end()

    def _keep_height(self) -> None:
        """Whatever else needs room: squeezed, lines are flat and words lie on them."""
        self.setFixedHeight(self.sizeHint().height())

    def _words(self) -> List[str]:
        """Name and newest value of each line."""
        said = []
        for name, points in self._points.items():
            step, value = points[-1]
            unit = f" {self._units[name]}" if self._units[name] else ""
            said.append(f"{name} {value:.3g}{unit} at step {step}")
        return said

    def _coloured_caption(self) -> str:
        """The words as rich text; with two lines each in its line's colour."""
        said = [escape(text) for text in self._words()]
        if len(said) < 2:
            return said[0]
        return "<br>".join(
            f'<span style="color: {colour.name()}">━</span> {text}' for colour, text in zip(self._colours(), said)
        )

    def _colours(self) -> List[QColor]:
        return [self.palette().color(QPalette.ColorRole.Highlight), QColor(_LATER)]
