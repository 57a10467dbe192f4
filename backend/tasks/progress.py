"""How far a run is: training steps and windows as progress and metric events, not too many a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..protocol import Event, Metric, Progress

Emit = Callable[[Event], None]
LEAST_SECONDS = 0.2
"""Progress events come no closer than this."""


class Steps:
    """Hears of training steps; ``share`` is the part of the progress bar that training takes, from ``start`` on."""

    def __init__(self, emit: Emit, share: float, start: float = 0.0) -> None:
        self.emit, self.share, self.start = emit, share, start
        self.first, self.last = 0.0, 0.0

    def __call__(self, step: int, steps: int, loss: float) -> None:
        """One more step is done."""
        now = time.monotonic()
        self.first = self.first or now  # the first step compiles kernels: the time left is reckoned from its end
        if now - self.last < LEAST_SECONDS and step < steps:
            return
        self.last = now
        left = (now - self.first) * (steps - step) / (step - 1) if 1 < step < steps else None
        done = self.start + self.share * step / steps
        self.emit(Progress(done, f"Training, step {step} of {steps}", left))
        self.emit(Metric("loss", loss, step))

    def validated(self, step: int, loss: float) -> None:
        """The loss on validation pixels after a step."""
        self.emit(Metric("validation loss", loss, step))
