"""What ``qgis --code`` executes once the plugins are loaded: sets a robot to work.

The environment variable MIXEL_DESK names a JSON file with the robot's wishes and ``folder``, where this file lies.
"""

import json
import os
import sys

with open(os.environ["MIXEL_DESK"], encoding="utf-8") as _file:
    _wishes = json.load(_file)
sys.path.insert(0, _wishes["folder"])

from robot import Robot

mixel_robot = Robot(_wishes)  # kept: without a reference its timer would stop
