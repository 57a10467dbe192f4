"""The training loop: what it minimises, what it records, when it stops."""

from __future__ import annotations

import pytest
import torch
from mixel.backend.training import train
from torch import nn


class Line(nn.Module):
    """A slope to learn and a frozen number; random from the start."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.randn(1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)


def fitted(seed=0, steps=50, rate=0.1, loss=None, report=lambda *_: None):
    torch.manual_seed(seed)
    model = Line()
    model.start = model.slope.item()
    record = train(model, loss or (lambda: (model.slope - 3).square().sum()), steps, rate, report)
    return model, record


def test_training_lowers_the_loss_and_leaves_frozen_weights_alone():
    model, record = fitted(steps=200)
    assert record.losses[-1] < 1e-3 * record.losses[0]
    assert model.slope.item() == pytest.approx(3, abs=0.05)
    assert model.frozen.item() == 1


def test_a_seed_gives_the_same_training_and_another_seed_another_one():
    (first, one), (again, two), (other, three) = fitted(7), fitted(7), fitted(8)
    assert one.losses == two.losses and first.slope.item() == again.slope.item()
    assert first.start != other.start and one.losses != three.losses


def test_every_step_is_recorded_and_reported_in_its_turn():
    reported = []
    _, record = fitted(steps=5, report=lambda *step: reported.append(step))
    assert reported == [(step, 5, record.losses[step - 1]) for step in range(1, 6)]
    assert len(record.losses) == 5 and record.seconds > 0


def test_the_loss_that_is_reported_is_that_before_the_step():
    model, record = fitted(steps=1)
    assert record.losses == [pytest.approx((model.start - 3) ** 2)]


def test_the_learning_rate_falls_along_a_cosine_to_a_twentieth():
    model = Line()
    taken = []

    def constant_slope():
        taken.append(model.slope.item())
        return model.slope.sum()

    train(model, constant_slope, 100, 0.1, lambda *_: None)
    steps = [before - after for before, after in zip(taken, taken[1:])]
    assert steps[0] == pytest.approx(0.1, rel=1e-3)
    assert steps[50] == pytest.approx(0.0525, rel=0.03)
    assert steps[-1] == pytest.approx(0.005, rel=0.05)


def test_a_model_trains_in_training_mode_and_ends_in_evaluation_mode():
    torch.manual_seed(0)
    model, modes = Line(), []
    model.eval()

    def loss():
        modes.append(model.training)
        return model.slope.square().sum()

    train(model, loss, 3, 0.1, lambda *_: None)
    assert modes == [True] * 3 and not model.training


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_with_the_step_and_the_way_out(value):
    model, calls, reported = Line(), [], []

    def loss():
        calls.append(1)
        return model.slope.sum() * (1 if len(calls) < 3 else value)

    with pytest.raises(ValueError, match=r"diverged at step 3\. Lower the learning rate, or look for extreme values"):
        train(model, loss, 10, 0.1, lambda *step: reported.append(step))
    assert len(calls) == 3 and len(reported) == 2


def test_an_error_of_the_report_ends_the_training():
    def cancelled(step, steps, loss):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fitted(report=cancelled)


def test_validation_is_not_asked_while_it_warms_up():
    torch.manual_seed(0)
    model = Line()
    record = train(
        model, lambda: (model.slope - 3).square().sum(), 50, 0.1, lambda *_: None, validate=lambda: 1.0, warm_up=30
    )
    assert [step for step, _ in record.validation] == [40, 50] and record.best_step == 40
