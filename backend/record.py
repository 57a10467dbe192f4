"""The record of one run: settings, notices, losses, figures, versions; what report and job file tell of it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as package_version
from typing import Any

from . import version
from .methods import Method
from .protocol import Event, Job, Notice
from .scan import chosen_form, products_sentence
from .scene import Scene
from .summary import Summary
from .training import Record, choose_device

PACKAGES = ("torch", "numba", "numpy", "rasterio", "scipy", "matplotlib")


@dataclass
class Run:
    """One run under way: its request, and what is known of it so far."""

    job: Job
    method: Method
    settings: Any
    scene: Scene
    emit: Callable[[Event], None]
    notices: list[str] = field(default_factory=list)
    training: Record | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    started: float = field(default_factory=time.time)

    def notice(self, message: str) -> None:
        """Tell the user something now, and again in the report."""
        self.notices.append(message)
        self.emit(Notice(message))

    def finish(self, training: Record | None, num_parameters: int, summary: Summary) -> None:
        """Take in what training (None: the method trains nothing) and mapping gave."""
        self.training = training
        self.metrics = {"reconstruction_rmse": summary.rmse, "valid_pixels": float(summary.pixels)}
        if training:
            self.metrics["final_loss"] = training.losses[-1]
            self.metrics["training_seconds"] = training.seconds
            self.metrics["parameters"] = float(num_parameters)

    def record(self) -> dict[str, Any]:
        """What goes into the job file after the run."""
        return {
            "mixel": version(),
            "settings": asdict(self.settings),
            "seconds": round(time.time() - self.started, 1),
            "metrics": self.metrics,
            "notices": self.notices,
            "versions": versions(self.job.device),
        }


def versions(device: str) -> dict[str, str]:
    """Names and versions of everything that can change a result."""
    found = {name: package_version(name) for name in PACKAGES}
    chosen = choose_device(device)
    return {
        "Mixel": version(),
        "Python": platform.python_version(),
        **found,
        "System": platform.platform(),
        "Device": str(chosen),
        "Selective scan": chosen_form(chosen).sentence,
        **({"Processor": products_sentence()} if chosen.type == "cpu" else {}),
    }
