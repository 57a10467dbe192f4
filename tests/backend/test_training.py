"""The training loop: what it minimises, what it records, when it stops."""

from __future__ import annotations

import pytest
import torch
from mixel.backend import room
from mixel.backend.training import Term, train
from torch import nn


class Line(nn.Module):
    """A slope to learn and a frozen number; random from the start."""

    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.randn(1))
        self.frozen = nn.Parameter(torch.ones(1), requires_grad=False)


def whole(loss):
    """A loss that cannot be taken apart, for every step."""
    return lambda: [Term.whole(loss)]


def fitted(seed=0, steps=50, rate=0.1, loss=None, report=lambda *_: None):
    torch.manual_seed(seed)
    model = Line()
    model.start = model.slope.item()
    record = train(model, whole(loss or (lambda: (model.slope - 3).square().sum())), steps, rate, report)
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

    train(model, whole(constant_slope), 100, 0.1, lambda *_: None)
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

    train(model, whole(loss), 3, 0.1, lambda *_: None)
    assert modes == [True] * 3 and not model.training


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_no_number_ends_the_training_with_the_step_and_the_way_out(value):
    model, calls, reported = Line(), [], []

    def loss():
        calls.append(1)
        return model.slope.sum() * (1 if len(calls) < 3 else value)

    with pytest.raises(ValueError, match=r"diverged at step 3\. Lower the learning rate, or look for extreme values"):
        train(model, whole(loss), 10, 0.1, lambda *step: reported.append(step))
    assert len(calls) == 3 and len(reported) == 2


def test_an_error_of_the_report_ends_the_training():
    def cancelled(step, steps, loss):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fitted(report=cancelled)


def test_validation_is_not_asked_while_it_warms_up():
    torch.manual_seed(0)
    model = Line()
    loss = whole(lambda: (model.slope - 3).square().sum())
    record = train(model, loss, 50, 0.1, lambda *_: None, validate=lambda: 1.0, warm_up=30)
    assert [step for step, _ in record.validation] == [40, 50] and record.best_step == 40


FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
TARGETS = torch.tensor([3.0, 1.0, -2.0, 5.0, 0.5, 7.0, 1.5])
COUNTS = torch.tensor([1.0, 2.0, 0.0, 4.0, 1.0, 0.5, 3.0])


def small_card(most, seen):
    """A model, and terms of which a card that is too small takes ``most`` pieces at once; ``seen``: what it was given.

    Where nothing counts in a part the loss is no number, as a mean over no pixels is.
    """
    model = Line()

    def term(targets, counts):
        def loss(part):
            number = len(targets[part])
            seen.append(number)
            if number > most:
                raise FULL
            return ((model.slope - targets[part]).square() * counts[part]).sum() / counts[part].sum()

        return Term(counts, loss)

    return model, lambda: [term(TARGETS, COUNTS), term(TARGETS[:3] + 1, COUNTS[:3])]


@pytest.mark.parametrize("most", [7, 6, 3, 1])
def test_a_step_that_does_not_fit_is_worked_on_in_parts_and_learns_the_same(monkeypatch, most):
    monkeypatch.setattr(room, "on_card", lambda device: True)
    monkeypatch.setattr("mixel.backend.training.on_card", lambda device: True)
    learnt = {}
    for limit in (7, most):
        torch.manual_seed(1)
        seen = []
        model, draw = small_card(limit, seen)
        record = train(model, draw, 20, 0.1, lambda *_: None)
        learnt[limit] = model.slope.item(), record.losses
        assert max(seen[-4:]) <= limit and record.parts == {7: 1, 6: 2, 3: 4, 1: 8}[limit]
    assert learnt[most][0] == pytest.approx(learnt[7][0], rel=1e-5)
    assert learnt[most][1] == pytest.approx(learnt[7][1], rel=1e-5)


@pytest.mark.parametrize("card", [False, True])
def test_a_step_whose_pieces_do_not_fit_one_by_one_fails_and_on_the_processor_at_once(monkeypatch, card):
    monkeypatch.setattr("mixel.backend.training.on_card", lambda device: card)
    seen = []
    model, draw = small_card(0, seen)
    with pytest.raises(torch.OutOfMemoryError):
        train(model, draw, 5, 0.1, lambda *_: None)
    assert len(seen) == (4 if card else 1)


def test_other_errors_are_not_tried_again(monkeypatch):
    monkeypatch.setattr("mixel.backend.training.on_card", lambda device: True)
    calls = []

    def broken():
        calls.append(1)
        raise RuntimeError("an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        train(Line(), lambda: [Term(torch.ones(8), lambda part: broken())], 5, 0.1, lambda *_: None)
    assert len(calls) == 1
