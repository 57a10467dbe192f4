"""Starts the real QGIS desktop with a private profile, on a real or a virtual screen, and lets a robot drive it.

The outside half of ``robot.py``: no QGIS import. Everything of one start lives in one folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SAMPLE = ROOT / "resources" / "sample"
SCENE = "EnMAP_BerlinUrbanGradient.bsq"
READY_WITHIN = 120.0
SCREEN = "1600x1000x24"
SETTINGS = """\
[PythonPlugins]
mixel=true
processing=true

[core]
NewsFeed\\http___feed_qgis_org_\\disabled=true

[qgis]
checkVersion=false
showTips=false
"""


def copy_scene(folder: Path) -> Path:
    """A copy of the sample scene, because opening a raster writes files beside it; the path of the cube."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(SAMPLE.iterdir()):
        if not file.name.endswith(".aux.xml"):
            shutil.copyfile(file, folder / file.name)
    return folder / SCENE


def make_profile(folder: Path) -> Path:
    """A QGIS profile that has this checkout as its plugin and nothing of the user's; safe to call again."""
    default = folder / "profiles" / "default"
    plugins = default / "python" / "plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    link = plugins / "mixel"
    if not link.is_symlink():
        link.symlink_to(ROOT, target_is_directory=True)
    settings = default / "QGIS" / "QGIS3.ini"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(SETTINGS, encoding="utf-8")
    return folder


def backends_of(folder: Path) -> List[int]:
    """Process ids of the backends that work on a job below ``folder``."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"-m" in words and any(word.startswith(os.fsencode(str(folder))) for word in words):
                found.append(int(entry.name))
    return found


def seconds_until(condition: Callable[[], bool], limit: float) -> float:
    """How long it took until ``condition``; AssertionError after ``limit`` seconds."""
    start = time.monotonic()
    while not condition():
        if time.monotonic() - start > limit:
            raise AssertionError(f"{limit:g} s were not enough.")
        time.sleep(0.02)
    return time.monotonic() - start


def has_display() -> bool:
    """Whether a window can be opened on the user's screen."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    code = "from qgis.PyQt.QtWidgets import QApplication; QApplication([])"
    environment = {name: value for name, value in os.environ.items() if name != "QT_QPA_PLATFORM"}
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(["/usr/bin/python3", "-c", code], env=environment, capture_output=True, timeout=30)
        return done.returncode == 0
    return False


class Desktop:
    """One start of QGIS. Use as a context manager: leaving it ends QGIS whatever has happened, unless it may stay."""

    def __init__(self, folder: Path, story: str, args: Dict[str, Any], on_screen: bool = False) -> None:
        self.folder = folder
        self.on_screen = on_screen
        self.pid = 0
        self.may_stay = False
        self._events = folder / "events.jsonl"
        self._read = 0
        folder.mkdir(parents=True, exist_ok=True)
        make_profile(folder)
        self._events.write_text("", encoding="utf-8")
        wishes = {"folder": str(HERE), "story": story, "events": str(self._events), "args": args}
        (folder / "desk.json").write_text(json.dumps(wishes), encoding="utf-8")

    def __enter__(self) -> Desktop:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("QT_QPA", "PYTHON"))}
        environment.update(MIXEL_DESK=str(self.folder / "desk.json"), PYTHONDONTWRITEBYTECODE="1")
        environment["PYQGIS_STARTUP"] = str(HERE / "watch.py")
        self._runtime: Optional[str] = None
        command = ["qgis", "--nologo", "--noversioncheck", "--profiles-path", str(self.folder)]
        command += ["--code", str(HERE / "start.py")]
        if not self.on_screen:
            self._runtime = tempfile.mkdtemp(prefix="mixel-desk-")
            environment.update(XDG_RUNTIME_DIR=self._runtime, XDG_SESSION_TYPE="x11")
            environment["MIXEL_DESK_HOST"] = str(os.getpid())
            environment.pop("WAYLAND_DISPLAY", None)
            command = ["xvfb-run", "--auto-servernum", "--server-args", f"-screen 0 {SCREEN}", *command]
        with open(self.folder / "qgis.log", "wb") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def __exit__(self, *_: Any) -> None:
        if not self.may_stay and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(5)
        if self._runtime:
            shutil.rmtree(self._runtime, ignore_errors=True)

    def events(self, limit: float) -> Iterator[Dict[str, Any]]:
        """The robot's events as they come; ends when QGIS has ended. TimeoutError after ``limit`` seconds."""
        begin = time.monotonic()
        while True:
            ended = self._process.poll() is not None
            for event in self._new_events():
                self.pid = event.get("pid", self.pid)
                yield event
            if ended:
                return
            waited = time.monotonic() - begin
            if waited > limit or (waited > READY_WITHIN and not self.pid):
                raise TimeoutError(f"QGIS did not get on within {waited:.0f} s.{self.log_tail()}")
            time.sleep(0.05)

    def wait_for(self, name: str, limit: float) -> Dict[str, Any]:
        """The next event of that name. AssertionError if the story fails or QGIS ends before it."""
        for event in self.events(limit):
            if event["event"] == "failed":
                raise AssertionError("\n".join(f"{key}: {value}" for key, value in event.items() if value))
            if event["event"] == name:
                return event
        raise AssertionError(f"QGIS ended before the event {name!r}.{self.log_tail()}")

    def wait_for_end(self, limit: float) -> int:
        """Wait until QGIS is gone; its exit code."""
        for event in self.events(limit):
            if event["event"] == "failed":
                raise AssertionError("\n".join(f"{key}: {value}" for key, value in event.items() if value))
        return self._process.wait(limit)

    def log_tail(self) -> str:
        """The end of what QGIS wrote, for an error message."""
        lines = (self.folder / "qgis.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([" Its last words:", *lines[-15:]]) if lines else ""

    def _new_events(self) -> List[Dict[str, Any]]:
        text = self._events.read_text(encoding="utf-8")
        whole = text.rfind("\n") + 1
        lines = text[self._read : whole].splitlines()
        self._read = whole
        return [json.loads(line) for line in lines]
