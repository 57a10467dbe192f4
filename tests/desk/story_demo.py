"""The demo: from an empty QGIS to a saved project with the materials of the sample scene."""

from __future__ import annotations

from typing import Any, Iterator

import steps
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QDockWidget
from qgis.utils import iface
from robot import Robot


def play(robot: Robot) -> Iterator[Any]:
    """``args``: scene, result, project, picture, settings, seconds, stay, width, height."""
    args = robot.args
    yield from steps.tidy_window(robot, args["width"], args["height"])
    yield from steps.open_scene(robot, args["scene"], "Berlin, EnMAP (colour infrared)")
    scene = iface.activeLayer()
    yield from steps.open_panel(robot)
    yield from steps.set_panel(robot, scene, args["result"], args["settings"])
    robot.tell("started")
    yield from steps.press_run(robot, 120)
    yield from steps.wait_for_run(robot, args["seconds"])
    robot.tell("unmixed")
    yield from _arrange(robot, scene)
    robot.picture(args["picture"])
    project = QgsProject.instance()
    project.setTitle("Mixel demo: what Berlin is made of")
    if not project.write(args["project"]):
        raise OSError(f"The project could not be saved: {project.error()}")
    robot.stay = args["stay"]
    robot.tell("saved")


def _arrange(robot: Robot, scene: Any) -> Iterator[Any]:
    """A view that explains itself: the composite on the map, every layer with its legend, the curve in the panel."""
    group = steps.groups()[0]
    group.setExpanded(True)
    for node in group.findLayers():
        node.setExpanded(True)
    root = QgsProject.instance().layerTreeRoot()
    root.findLayer(scene.id()).setExpanded(False)
    iface.setActiveLayer(group.findLayers()[0].layer())
    docks = [robot.window.findChild(QDockWidget, name) for name in ("Layers", "MixelDock")]
    robot.window.resizeDocks(docks, [430, 350], Qt.Orientation.Horizontal)
    yield 0.5
    yield from steps.zoom_to(robot, scene)
    iface.messageBar().clearWidgets()
    yield 0.5
