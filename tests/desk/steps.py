"""What a user does in QGIS and in Mixel's panel, as generators for a robot's story; robot.py says what they yield."""

from __future__ import annotations

from typing import Any, Dict, Iterator

from qgis.core import QgsLayerTreeGroup, QgsMapLayer, QgsProject, QgsRasterLayer
from qgis.PyQt.QtWidgets import QDockWidget
from qgis.utils import iface
from robot import Robot

NEAR_INFRARED, RED, GREEN = 63, 37, 19
"""Bands of the sample at 840, 650 and 550 nm."""


def open_scene(robot: Robot, path: str, name: str) -> Iterator[Any]:
    """Add the sample scene as a colour-infrared picture."""
    layer = iface.addRasterLayer(path, name)
    if layer is None or not layer.isValid():
        raise OSError(f"QGIS cannot open {path}.")
    renderer = layer.renderer()
    renderer.setRedBand(NEAR_INFRARED)
    renderer.setGreenBand(RED)
    renderer.setBlueBand(GREEN)
    layer.setDefaultContrastEnhancement()
    yield from zoom_to(robot, layer)


def zoom_to(robot: Robot, layer: QgsMapLayer) -> Iterator[Any]:
    """Show a layer whole, with a margin, and wait until it is drawn."""
    canvas = iface.mapCanvas()
    drawn = []
    canvas.mapCanvasRefreshed.connect(lambda: drawn.append(True))
    extent = layer.extent()
    extent.scale(1.06)
    canvas.setExtent(extent)
    canvas.refresh()
    yield robot.until(lambda: bool(drawn) and not canvas.isDrawing(), "the map is drawn", 30)


def open_panel(robot: Robot) -> Iterator[Any]:
    """Press Mixel's toolbar button."""
    robot.click(robot.tool_button("Mixel"))
    yield robot.until(lambda: robot.widget("MixelDock").isVisible(), "the panel is open", 10)


def set_panel(robot: Robot, layer: QgsMapLayer, folder: str, settings: Dict[str, Any]) -> Iterator[Any]:
    """Choose the scene, the settings and the output folder."""
    robot.widget("sceneCombo").setLayer(layer)
    yield robot.until(lambda: bool(robot.widget("factsLabel").text()), "the panel says what the scene is", 10)
    for name, value in settings.items():
        robot.widget(f"setting_{name}").setValue(value)
    robot.widget("outputFolder").setFilePath(folder)
    if robot.widget("missingPython").isVisible():
        raise RuntimeError("The panel says that the backend's Python is missing.")
    yield robot.until(lambda: robot.widget("runButton").isEnabled(), "the panel lets the user run", 10)


def press_run(robot: Robot, seconds: float = 30) -> Iterator[Any]:
    """Press Run and wait for the first sign of progress."""
    robot.click(robot.widget("runButton"))
    bar, label = robot.widget("progressBar"), robot.widget("statusLabel")
    yield robot.until(lambda: running(robot) or bool(label.text()), "the run starts", 5)
    if not running(robot):
        raise RuntimeError(f"The panel refused to run: {label.text()}")
    yield robot.until(lambda: bar.maximum() > 0 or not running(robot), "the backend tells its progress", seconds)


def wait_for_run(robot: Robot, seconds: float) -> Iterator[Any]:
    """Wait for the end of the run; report its progress, and fail with its sentence if no layers come."""
    before = len(groups())
    told = None
    for _ in range(int(seconds * 5)):
        if not running(robot):
            break
        percent, text = robot.widget("progressBar").value(), robot.widget("statusLabel").text()
        step = (percent // 10, text.split(" ")[0])
        if step != told:
            told = step
            robot.tell("progress", percent=percent, text=text)
        yield 0.2
    if running(robot):
        raise TimeoutError(f"The run has not ended within {seconds:g} s: {robot.widget('statusLabel').text()}")
    yield 0.3
    if len(groups()) <= before:
        raise RuntimeError(f"The run gave no layers: {robot.widget('statusLabel').text()}")


def running(robot: Robot) -> bool:
    """Whether the panel shows a run."""
    return robot.widget("cancelButton").isVisible()


def groups() -> list:
    """The groups of the layer tree, newest first."""
    return [node for node in QgsProject.instance().layerTreeRoot().children() if isinstance(node, QgsLayerTreeGroup)]


def group_facts(group: QgsLayerTreeGroup) -> Dict[str, Any]:
    """What a test wants to know of a run's layers, as plain values."""
    return {"name": group.name(), "layers": [_layer_facts(node) for node in group.findLayers()]}


def _layer_facts(node: Any) -> Dict[str, Any]:
    layer: QgsRasterLayer = node.layer()
    renderer = layer.renderer()
    facts = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "source": layer.source(),
        "crs": layer.crs().authid(),
        "visible": node.isVisible(),
        "renderer": renderer.type(),
        "bands": renderer.usesBands(),
    }
    if renderer.type() == "singlebandpseudocolor":
        facts["range"] = [renderer.classificationMin(), renderer.classificationMax()]
    return facts


def tidy_window(robot: Robot, width: int, height: int) -> Iterator[Any]:
    """Only map, layer tree and panel, in a window of this size."""
    robot.window.showNormal()
    screen = robot.window.screen().availableGeometry()
    robot.window.setGeometry(screen.x(), screen.y(), min(width, screen.width()), min(height, screen.height()))
    for dock in robot.window.findChildren(QDockWidget):
        if dock.objectName() not in ("Layers", "MixelDock"):
            dock.hide()
    iface.messageBar().clearWidgets()
    yield 0.5
