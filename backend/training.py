"""The one training loop of the deep methods: seeds, device, learning rate, divergence, a record of it all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Report = Callable[[int, int, float], None]
"""Called with the step done (from 1), the number of steps and the loss."""


@dataclass(frozen=True)
class Record:
    """What a training did: the loss of every step and the seconds it took."""

    losses: list[float]
    seconds: float


def choose_device(wish: str) -> torch.device:
    """The device for ``auto``, ``cpu`` or ``cuda``. ValueError if a GPU is wished for and none can be used."""
    if wish == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            "This computer's GPU cannot be used: no NVIDIA driver is found, or the backend's Python holds torch for "
            "the CPU. Choose the device 'auto' or 'cpu', or repair the backend's Python on the Python page of Mixel's "
            "panel."
        )
    return torch.device("cuda" if wish != "cpu" and torch.cuda.is_available() else "cpu")


def train(model: nn.Module, loss: Callable[[], Tensor], steps: int, learning_rate: float, report: Report) -> Record:
    """Minimise ``loss`` over the model's trainable parameters with Adam and a cosine schedule down to 5 %.

    ValueError if the loss is no number any more.
    """
    optimiser = torch.optim.Adam([one for one in model.parameters() if one.requires_grad], lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=0.05 * learning_rate)
    started, losses = time.monotonic(), []
    model.train()
    for step in range(1, steps + 1):
        optimiser.zero_grad(set_to_none=True)
        value = loss()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        losses.append(float(value.detach()))
        if not torch.isfinite(value):
            raise ValueError(
                f"The training diverged at step {step}. Lower the learning rate, or look for extreme values "
                "in the scene."
            )
        report(step, steps, losses[-1])
    model.eval()
    return Record(losses, time.monotonic() - started)
