"""A small live curve: one line of numbers as the training goes."""

from __future__ import annotations

import math
from typing import List, Tuple

from qgis.PyQt.QtCore import QPointF, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ...backend.protocol import Metric


class Curve(QWidget):
    """Draws the first metric it hears of; logarithmic where all values are positive, as a loss is."""

    def __init__(self) -> None:
        """An empty curve."""
        super().__init__()
        self.setObjectName("curve")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._caption = QLabel()  # a label takes the theme's text colour, a painter would not
        self._caption.setAlignment(Qt.AlignmentFlag.AlignRight)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 3, 6, 0)
        layout.addWidget(self._caption)
        layout.addStretch(1)
        self.clear()

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(200, 72)

    def clear(self) -> None:
        """Forget the curve."""
        self._name = ""
        self._unit = ""
        self._points: List[Tuple[int, float]] = []
        self._caption.clear()
        self.update()

    def add(self, metric: Metric) -> None:
        """Draw one more point. Other metrics than the first and values without a place are left out."""
        if not math.isfinite(metric.value) or self._name not in ("", metric.name):
            return
        self._name, self._unit = metric.name, metric.unit
        self._points.append((metric.step, metric.value))
        self._caption.setText(self.caption())
        self.update()

    def caption(self) -> str:
        """The newest value in words."""
        if not self._points:
            return ""
        step, value = self._points[-1]
        unit = f" {self._unit}" if self._unit else ""
        return f"{self._name} {value:.3g}{unit} at step {step}"

    def line(self, area: QRectF) -> List[QPointF]:
        """The curve's points within an area, oldest left, largest value on top."""
        if not self._points:
            return []
        positive = all(value > 0 for _, value in self._points)
        values = [math.log10(value) if positive else value for _, value in self._points]
        steps = [step for step, _ in self._points]
        low, high = min(values), max(values)
        span, length = (high - low) or 1.0, (max(steps) - min(steps)) or 1
        return [
            QPointF(
                area.left() + area.width() * (step - min(steps)) / length,
                area.bottom() - area.height() * (value - low) / span,
            )
            for step, value in zip(steps, values)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Called by Qt."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1.6))
        top = self._caption.geometry().bottom() + 4
        painter.drawPolyline(QPolygonF(self.line(QRectF(self.rect().adjusted(6, top, -6, -6)))))
        painter.end()
