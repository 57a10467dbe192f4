"""From the button to styled layers; a second run is cancelled; under a third QGIS is closed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Iterator

import desktop
import steps
from qgis.core import QgsApplication, QgsProject
from qgis.utils import iface
from robot import Robot


def play(robot: Robot) -> Iterator[Any]:
    """``args``: scene, folder (for the results), project, settings, long (settings of a run that does not end)."""
    folder = Path(robot.args["folder"])
    yield from steps.tidy_window(robot, 1480, 920)
    yield from steps.open_scene(robot, robot.args["scene"], "scene")
    scene = iface.activeLayer()
    yield from steps.open_panel(robot)
    yield from steps.set_panel(robot, scene, str(folder / "first"), robot.args["settings"])
    robot.tell("facts", text=robot.widget("factsLabel").text())
    yield from steps.press_run(robot, 120)
    robot.tell("backends", pids=desktop.backends_of(folder))
    yield from steps.wait_for_run(robot, 240)
    robot.tell(
        "layers",
        groups=[steps.group_facts(group) for group in steps.groups()],
        report=robot.widget("reportButton").isVisible(),
        status=robot.widget("statusLabel").text(),
    )
    QgsProject.instance().write(robot.args["project"])
    yield from _cancel(robot, scene, folder)
    yield from steps.set_panel(robot, scene, str(folder / "closed"), robot.args["long"])
    yield from steps.press_run(robot, 120)
    robot.tell("closing", pids=desktop.backends_of(folder))


def _cancel(robot: Robot, scene: Any, folder: Path) -> Iterator[Any]:
    yield from steps.set_panel(robot, scene, str(folder / "cancelled"), robot.args["long"])
    yield from steps.press_run(robot, 120)
    before = desktop.backends_of(folder)
    start = time.monotonic()
    robot.click(robot.widget("cancelButton"))
    over = robot.until(lambda: not steps.running(robot) and not desktop.backends_of(folder), "all has ended", 10)
    yield over
    robot.tell(
        "cancelled",
        pids=before,
        seconds=time.monotonic() - start,
        groups=len(steps.groups()),
        tasks=QgsApplication.taskManager().countActiveTasks(),
        status=robot.widget("statusLabel").text(),
    )
