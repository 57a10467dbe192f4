"""The record of one run: settings, notices, losses, figures, versions; what report and job file tell of it."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as package_version
from typing import TYPE_CHECKING, Any

from . import version
from .methods import Method, method
from .packages import PACKAGES
from .protocol import Event, Job, Notice
from .scene import Scene
from .tasks import Task

if TYPE_CHECKING:
    from .devices import Chosen
    from .training import Record

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
    left_card: bool = False
    """Whether the chosen card failed during the run, so that the processor did the work."""

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

    def on_device(self, fit: Callable[[Any], Any]) -> Any:
        """``fit`` with the device that was chosen; with the processor, which is told, if a card chosen by Mixel fails.

        ValueError, a sentence, if the device that was wished for cannot be used.
        """
        from .devices import PROCESSOR
        from .room import OnCard, fitted, on_card

        device = device_of(self.job, self.task)
        chosen = device.device if device else PROCESSOR

        def fell_back(message: str) -> None:
            self.left_card = True
            self.notice(message)

        alone = self.job.device == "auto"
        found = fitted(fit, chosen, alone, fell_back)
        return OnCard(found, chosen, fell_back) if alone and on_card(chosen) and not self.left_card else found

    def trained(self, training: Record | None, num_parameters: int) -> None:
        """Take in what training gave (None: the method trains nothing step by step)."""
        self.training = training
        if training:
            self.metrics["final_loss"] = training.losses[-1]
            self.metrics["training_seconds"] = training.seconds
            self.metrics["parameters"] = float(num_parameters)
        if training and training.parts > 1:
            self.notice(
                f"A training step did not fit into the graphics card's memory and was worked on in {training.parts} "
                "parts, which takes longer."
            )
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
            "versions": versions(self.job, self.task, self.left_card),
        }


def device_of(job: Job, task: Task) -> Chosen | None:
    """The device that this run's network works on; None where no network runs.

    ValueError if the wished one cannot be used.
    """
    if not task.on_device or not _on_device(job):
        return None
    from .devices import choose  # loads torch, which most tasks do not need

    return choose(job.device)


def cards_to_try(job: Job, task: Task) -> list[str]:
    """Names of the graphics cards that are tried before a run; none where no network runs."""
    if not task.on_device or not _on_device(job):
        return []
    from .devices import to_try

    return to_try(job.device)


def _on_device(job: Job) -> bool:
    """Whether the job's method, or the method of the model it applies, is a network."""
    if job.method:
        return method(job.method).on_device
    from .model import read_model

    try:
        return read_model(job.inputs["model"]["path"]).described.on_device
    except (KeyError, ValueError):
        return False  # the task refuses such a model, and says why


def chosen_device(job: Job, task: Task) -> str:
    """The device a run works on, in words. ValueError if the wished one cannot be used."""
    chosen = device_of(job, task)
    return chosen.name if chosen else "cpu"


def scan_sentence(job: Job, task: Task) -> str:
    """Which form of the selective scan runs where, and why; empty where no network runs."""
    chosen = device_of(job, task)
    if not chosen:
        return ""
    from .scan import chosen_form

    return " ".join(filter(None, [chosen.sentence, chosen_form(chosen.device).sentence]))


def versions(job: Job, task: Task, left_card: bool = False) -> dict[str, str]:
    """Names and versions of everything that can change a result; ``left_card``: the chosen card failed."""
    found = {
        "Mixel": version(),
        "Python": platform.python_version(),
        **{name: package_version(name) for name in PACKAGES},
        "System": platform.platform(),
        "Device": f"cpu, after {chosen_device(job, task)} failed" if left_card else chosen_device(job, task),
    }
    chosen = device_of(job, task)
    if chosen:
        from .devices import PROCESSOR, promise
        from .scan import chosen_form, products_sentence

        device = PROCESSOR if left_card else chosen.device
        found["Selective scan"] = chosen_form(PROCESSOR).sentence if left_card else scan_sentence(job, task)
        found["Repeatable"] = promise(device, bool(job.settings.get("repeatable")))
        found.update({"Processor": products_sentence()} if device.type == "cpu" else {})
    return found
