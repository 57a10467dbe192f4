"""A run under way, for a host that kills QGIS meanwhile."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import desktop
import steps
from qgis.utils import iface
from robot import Robot


def play(robot: Robot) -> Iterator[Any]:
    """``args``: scene, folder, long (settings of a run that does not end)."""
    yield from steps.open_scene(robot, robot.args["scene"], "scene")
    yield from steps.open_panel(robot)
    yield from steps.set_panel(robot, iface.activeLayer(), robot.args["folder"] + "/killed", robot.args["long"])
    yield from steps.press_run(robot, 120)
    robot.tell("busy", pids=desktop.backends_of(Path(robot.args["folder"])))
    yield 120
