"""A product from the panel's button to the map in true colour, and unmixed."""

from __future__ import annotations

import os
from typing import Any, Iterator

import steps
from qgis.core import QgsProject
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QPushButton
from qgis.utils import iface
from robot import Robot


def play(robot: Robot) -> Iterator[Any]:
    """``args``: product, folder (for the results)."""
    yield from steps.tidy_window(robot, 1280, 720)
    yield from steps.open_panel(robot)
    yield from _choose(robot, robot.args["product"])
    dialog, add = robot.widget("openProduct"), robot.widget("addToMap")
    yield robot.until(add.isEnabled, "the product is known", 30)

    def text() -> str:
        return " | ".join(one.text() for one in dialog.findChildren(QLabel) if one.isVisible())

    yield robot.until(lambda: " nm" in text(), "the table of facts is shown", 10)
    robot.tell("known", text=text(), cloud=robot.widget("flag_cloud").isChecked())
    robot.click(add)
    yield robot.until(
        lambda: not dialog.isVisible() and bool(QgsProject.instance().mapLayers()), "the layer is there", 60
    )
    layer = iface.activeLayer()
    yield from steps.zoom_to(robot, layer)
    colours = _colours(layer)
    robot.tell("shown", name=layer.name(), bands=layer.renderer().usesBands(), source=layer.source(), colours=colours)
    robot.widget("methodCombo").setCurrentIndex(robot.widget("methodCombo").findData("vca_fcls"))
    settings = {"num_endmembers": 3}
    yield from steps.set_panel(robot, layer, os.path.join(robot.args["folder"], "unmixed"), settings)
    yield from steps.press_run(robot, 120)
    yield from steps.wait_for_run(robot, 120)
    robot.tell("unmixed", **steps.group_facts(steps.groups()[0]))


def _choose(robot: Robot, path: str) -> Iterator[Any]:
    """Press the button and choose a file: its dialog is modal, so that pressing returns only when it has closed."""
    QTimer.singleShot(0, robot.widget("openProductButton").click)
    yield robot.until(lambda: isinstance(QApplication.activeModalWidget(), QFileDialog), "a file can be chosen", 10)
    chooser = QApplication.activeModalWidget()
    chooser.findChild(QLineEdit, "fileNameEdit").setText(path)
    yield 0.2
    accept = next(one for one in chooser.findChildren(QPushButton) if "Open" in one.text())
    QTimer.singleShot(0, accept.click)
    yield robot.until(lambda: QApplication.activeModalWidget() is None, "the file is chosen", 10)


def _colours(layer: Any) -> Any:
    """Red, green and blue of the map in the cloud, in the west and in the east of a layer."""
    canvas, box = iface.mapCanvas(), layer.extent()
    picture = canvas.grab().toImage()
    found = {}
    for name, across, down in (("cloud", 0.08, 0.9), ("west", 0.08, 0.4), ("east", 0.92, 0.4)):
        point = canvas.getCoordinateTransform().transform(
            box.xMinimum() + across * box.width(), box.yMinimum() + down * box.height()
        )
        colour = picture.pixelColor(int(point.x()), int(point.y()))
        found[name] = [colour.red(), colour.green(), colour.blue()]
    return found
