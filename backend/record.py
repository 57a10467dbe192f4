"""The record of one run: settings, notices, losses, figures, versions; what report and job file tell of it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as package_version
from typing import TYPE_CHECKING, Any

from . import version
from .methods import Method
from .protocol import Event, Job, Notice
from .scene import Scene
from .tasks import Task

if TYPE_CHECKING:
    from .training import Record

PACKAGES = ("torch", "numba", "numpy", "rasterio", "scipy", "scikit-learn", "matplotlib")


UNHEARD = 0.05
"""A network that counts less than this in the classes has no say in them."""


@dataclass
class Run:
    """One run under way: its request, and what is known of it so far. ``options`` and ``settings`` are Configs."""

    job: Job
    task: Task
    method: Method | None
    settings: Any
    options: Any
    opened: Scene | None
    emit: Callable[[Event], None]
    notices: list[str] = field(default_factory=list)
    training: Record | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    @property
    def scene(self) -> Scene:
        """The scene of a task that needs one."""
        if self.opened is None:
            raise ValueError(f"The task {self.task.name!r} works without a scene.")
        return self.opened

    def notice(self, message: str) -> None:
        """Tell the user something now, and again in the report."""
        self.notices.append(message)
        self.emit(Notice(message))

    def trained(self, training: Record | None, num_parameters: int) -> None:
        """Take in what training gave (None: the method trains nothing step by step)."""
        self.training = training
        if training:
            self.metrics["final_loss"] = training.losses[-1]
            self.metrics["training_seconds"] = training.seconds
            self.metrics["parameters"] = float(num_parameters)
        if training and training.shares:
            self.metrics["network_share"], self.metrics["regression_share"] = training.shares
            if training.shares[0] < min(UNHEARD, training.shares[1]):
                self.notice(
                    "On the validation pixels a logistic regression alone does better than the network, so the class "
                    "map is the regression's. Areas of each class in more parts of the scene help the network."
                )

    def record(self) -> dict[str, Any]:
        """What goes into the job file after the run."""
        return {
            "mixel": version(),
            "settings": asdict(self.settings) if self.method else {},
            "options": asdict(self.options),
            "seconds": round(time.time() - self.started, 1),
            "metrics": self.metrics,
            "notices": self.notices,
            "versions": versions(self.job, self.task),
        }


def chosen_device(job: Job, task: Task) -> str:
    """The device a run works on. ValueError if the wished one cannot be used."""
    if not task.on_device:
        return "cpu"
    from .training import choose_device  # loads torch, which most tasks do not need

    return str(choose_device(job.device))


def scan_sentence(job: Job, task: Task) -> str:
    """Which form of the selective scan runs, in one sentence; empty for a task without methods."""
    if not task.on_device:
        return ""
    from .scan import chosen_form
    from .training import choose_device

    return chosen_form(choose_device(job.device)).sentence


def versions(job: Job, task: Task) -> dict[str, str]:
    """Names and versions of everything that can change a result."""
    found = {
        "Mixel": version(),
        "Python": platform.python_version(),
        **{name: package_version(name) for name in PACKAGES},
        "System": platform.platform(),
        "Device": chosen_device(job, task),
    }
    if task.on_device:
        from .scan import products_sentence

        found["Selective scan"] = scan_sentence(job, task)
        found.update({"Processor": products_sentence()} if found["Device"] == "cpu" else {})
    return found
