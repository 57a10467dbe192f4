"""The one training loop of the deep methods: seeds, device, learning rate, divergence, a record of it all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from . import devices
from .room import full, on_card, release

Report = Callable[[int, int, float], None]
"""Called with the step done (from 1), the number of steps and the loss."""
DIVERGED = "The training diverged at step {step}. Lower the learning rate, or look for extreme values in the scene."


@dataclass(frozen=True)
class Term:
    """A loss that is a mean over pieces (patches, tiles, squares), which may be worked on a part at a time.

    ``counts`` (pieces,): how much each counts in the mean; ``loss`` gives the mean (a number) of a slice of them.
    """

    counts: Tensor
    loss: Callable[[slice], Tensor]

    @classmethod
    def whole(cls, loss: Callable[[], Tensor]) -> Term:
        """A loss that cannot be taken apart."""
        return cls(torch.ones(1), lambda _: loss())


@dataclass(frozen=True)
class Record:
    """What a training did: the loss of every step and the seconds it took.

    ``validation``: (step, loss) pairs; ``best_step``: the step whose weights were kept, the last without validation.
    ``shares``: how much the network counts in the classes, and the regression beside it (``methods.regression``).
    ``parts``: in how many parts a step was worked on to fit into a graphics card's memory.
    """

    losses: list[float]
    seconds: float
    validation: list[tuple[int, float]] = field(default_factory=list)
    best_step: int = 0
    shares: tuple[float, float] | None = None
    parts: int = 1


def train(
    model: nn.Module,
    draw: Callable[[], list[Term]],
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
    """Minimise a loss over the model's trainable parameters with Adam and a cosine schedule down to 5 %.

    ``draw`` gives what a step learns from, as terms of a sum. A step that does not fit into a graphics card's memory
    is worked on in two parts, then four, and so on; it learns the same but for rounding and dropout.
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
    gradients = _Gradients(optimiser, device)
    try:
        with devices.repeatable(device, repeatable):
            for step in range(1, steps + 1):
                losses.append(gradients.of(draw()))
                if not math.isfinite(losses[-1]):
                    raise ValueError(DIVERGED.format(step=step))
                optimiser.step()
                schedule.step()
                report(step, steps, losses[-1])
                if validate and step > warm_up and (step % every == 0 or step == steps):
                    best.ask(validate, step, report)
    finally:
        release(device)
    best.restore()
    model.eval()
    return Record(losses, time.monotonic() - started, best.answers, best.step or steps, parts=gradients.parts)


class _Gradients:
    """Puts the gradients of a step into the parameters, in as many parts as the card's memory asks for."""

    def __init__(self, optimiser: torch.optim.Optimizer, device: torch.device) -> None:
        self.optimiser, self.device, self.parts = optimiser, device, 1

    def of(self, terms: list[Term]) -> float:
        """The gradients of the sum of some terms; gives the sum."""
        while True:
            self.optimiser.zero_grad(set_to_none=True)
            try:
                return self._whole(terms) if self.parts == 1 else sum(self._in_parts(term) for term in terms)
            except RuntimeError as error:
                most = max(len(term.counts) for term in terms)
                if not on_card(self.device) or not full(error) or self.parts >= most:
                    raise
            # Outside of the handler, whose traceback keeps the tensors that were in the way.
            release(self.device)
            self.parts *= 2

    def _whole(self, terms: list[Term]) -> float:
        value: Tensor = sum(term.loss(slice(None)) for term in terms)  # type: ignore[assignment]
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    def _in_parts(self, term: Term) -> float:
        found, total, pieces = 0.0, float(term.counts.sum()), len(term.counts)
        size = -(-pieces // self.parts)
        for first in range(0, pieces, size):
            part = slice(first, min(first + size, pieces))
            share = float(term.counts[part].sum()) / total if total else 1 / -(-pieces // size)
            if share:
                value = share * term.loss(part)
                value.backward()  # type: ignore[no-untyped-call]
                found += float(value.detach())
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
