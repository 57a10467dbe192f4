"""The one training loop of the deep methods: seeds, device, learning rate, divergence, a record of it all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from . import devices
from .room import release

Report = Callable[[int, int, float], None]
"""Called with the step done (from 1), the number of steps and the loss."""


@dataclass(frozen=True)
class Record:
    """What a training did: the loss of every step and the seconds it took.

    ``validation``: (step, loss) pairs; ``best_step``: the step whose weights were kept, the last without validation.
    ``shares``: how much the network counts in the classes, and the regression beside it (``methods.regression``).
    """

    losses: list[float]
    seconds: float
    validation: list[tuple[int, float]] = field(default_factory=list)
    best_step: int = 0
    shares: tuple[float, float] | None = None


def train(
    model: nn.Module,
    loss: Callable[[], Tensor],
    steps: int,
    learning_rate: float,
    report: Report,
    *,
    weight_decay: float = 0.0,
    validate: Callable[[], float] | None = None,
    every: int = 20,
    warm_up: int = 0,
    repeatable: bool = False,
) -> Record:
    """Minimise ``loss`` over the model's trainable parameters with Adam and a cosine schedule down to 5 %.

    ``validate`` gives the loss on validation pixels; it is asked ``every`` so many steps after the first ``warm_up``,
    in evaluation mode, and the weights of the best answer are kept. ``report`` may have a method ``validated(step,
    loss)`` to hear of it. ``weight_decay`` is AdamW's, on matrices only. ``repeatable``: see
    :func:`.devices.repeatable`. ValueError if the loss is no number any more.
    """
    optimiser = torch.optim.AdamW(_groups(model, weight_decay), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0.05 * learning_rate)
    started, losses, best = time.monotonic(), [], _Best(model)
    model.train()
    device = next((one.device for one in model.parameters()), devices.PROCESSOR)
    with devices.repeatable(device, repeatable):
        for step in range(1, steps + 1):
            losses.append(_step(loss, optimiser, step))
            schedule.step()
            report(step, steps, losses[-1])
            if validate and step > warm_up and (step % every == 0 or step == steps):
                best.ask(validate, step, report)
    best.restore()
    model.eval()
    release(device)
    return Record(losses, time.monotonic() - started, best.answers, best.step or steps)


def _step(loss: Callable[[], Tensor], optimiser: torch.optim.Optimizer, step: int) -> float:
    """One step of the optimiser; the loss before it. ValueError if that is no number."""
    optimiser.zero_grad(set_to_none=True)
    value = loss()
    value.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    found = float(value.detach())
    if not math.isfinite(found):
        raise ValueError(
            f"The training diverged at step {step}. Lower the learning rate, or look for extreme values in the scene."
        )
    return found


class _Best:
    """The weights with the lowest validation loss so far."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.step, self.loss = model, 0, math.inf
        self.answers: list[tuple[int, float]] = []
        self.state: dict[str, Tensor] = {}

    def ask(self, validate: Callable[[], float], step: int, report: Report) -> None:
        self.model.eval()
        with torch.no_grad():
            answer = validate()
        self.model.train()
        self.answers.append((step, answer))
        if answer < self.loss:
            self.step, self.loss = step, answer
            self.state = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        heard = getattr(report, "validated", None)
        if heard:
            heard(step, answer)

    def restore(self) -> None:
        if self.state:
            self.model.load_state_dict(self.state)


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Trainable parameters: matrices decay; vectors, norms and the scan's A do not (Mamba's rule)."""
    trained = [(name, one) for name, one in model.named_parameters() if one.requires_grad]
    decays = [one for name, one in trained if one.ndim > 1 and not name.endswith("A_log")]
    others = [one for name, one in trained if one.ndim <= 1 or name.endswith("A_log")]
    return [{"params": decays, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
