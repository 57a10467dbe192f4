"""Every method on strange values, every loss at places where roots and angles have no slope, and strange weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube
from mixel.backend.methods import method, methods
from mixel.backend.novelty import Novelty
from mixel.backend.training import Term
from stripes import CLASSES, CPU, data, made_scene, silent, small
from torch import nn

CLASSIFYING = [one.name for task in ("classify", "unmix_and_classify") for one in methods(task)]
NAMES = [*(one.name for one in methods("unmix")), *CLASSIFYING]
NETWORKS = [one.name for one in methods() if one.on_device]
QUICK = {"repeats": 2, "iterations": 3, "passes": 3, "epochs": 2}


def settled(name: str, **changes: object) -> object:
    known = {one.name for one in method(name).settings}
    quick = {one: value for one, value in {**QUICK, **changes}.items() if one in known}
    return build(method(name).config, {**small(name), **quick})


def fitted(name: str, cube: Cube, classes: np.ndarray, **changes: object) -> object:
    known, config = data(cube, classes), settled(name, **changes)
    task, fit = method(name).task, method(name).load().fit
    if task == "unmix":
        return fit([cube], config, CPU, silent)
    return fit(known, *([[cube]] if task == "unmix_and_classify" else []), config, CPU, silent)


def strange() -> tuple[Cube, np.ndarray]:
    """Stripes with pixels of 0, negative, tiny and bright ones, equal ones, and a constant band; all of them count."""
    cube, classes = made_scene()
    values = cube.reflectance.copy()
    values[:, 6:12, :6] = values[:, 6:7, :1]
    values[2] = 0.25
    values[:, 3, 4], values[:, 9, 9] = 0, 1e-30
    values[:, 12, 3] = -np.linspace(0.1, 0.2, len(values))
    values[:, 18, 11] *= 900
    return Cube(cube.window, np.where(cube.valid, values, 0), cube.valid), classes


@pytest.mark.parametrize("name", NAMES)
def test_strange_pixels_leave_all_results_numbers(name: str) -> None:
    cube, classes = strange()
    machine = fitted(name, cube, classes)
    if method(name).task != "classify":
        found = machine.unmix(cube)  # type: ignore[attr-defined]
        assert np.isfinite(machine.endmembers).all()  # type: ignore[attr-defined]
        assert np.isfinite(found.error[cube.valid]).all()
        np.testing.assert_allclose(found.abundances[:, cube.valid].sum(axis=0), 1, atol=1e-5)
    if method(name).task != "unmix":
        shares = machine.classify(cube)  # type: ignore[attr-defined]
        np.testing.assert_allclose(shares[:, cube.valid].sum(axis=0), 1, atol=1e-5)
        assert (shares[:, cube.valid] >= 0).all()


class Caught(Exception):
    """Thrown instead of training."""


def loss_of(
    name: str, cube: Cube, classes: np.ndarray, **changes: object
) -> tuple[nn.Module, Callable[[], list[Term]]]:
    """What a method would train, and by which loss."""
    module, caught = method(name).load(), []

    def train(network: nn.Module, loss: Callable[[], list[Term]], *others: object, **more: object) -> None:
        caught.extend((network, loss))
        raise Caught

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "train", train)
        with pytest.raises(Caught):
            fitted(name, cube, classes, **changes)
    return caught[0], caught[1]


def nothing_special(network: nn.Module) -> None:
    """Leave the weights as they start."""


def silenced(network: nn.Module) -> None:
    """Whatever ends a network says nothing: all classes and all materials alike."""
    for name, weight in network.named_parameters():
        if "head" in name:
            weight.data.zero_()


def shouting(network: nn.Module) -> None:
    """Whatever ends a network is sure: abundances and probabilities are 0 or 1 to the last digit."""
    for name, weight in network.named_parameters():
        if "head" in name:
            weight.data.mul_(1e5)


VARIANTS = [(name, {}) for name in NETWORKS] + [("unmamba", {"variant": "released"})]


@pytest.mark.parametrize(("name", "changes"), VARIANTS)
def test_no_loss_has_an_undefined_gradient_anywhere(name: str, changes: dict[str, object]) -> None:
    cube, classes = strange()
    equal = Cube(cube.window, np.where(cube.valid, cube.reflectance[:, 4:5, 9:10], 0).astype(np.float32), cube.valid)
    black = replace(cube, reflectance=np.where(np.arange(cube.valid.shape[1]) % 2, cube.reflectance, 0))
    for scene in (cube, black) if method(name).task == "unmix" else (cube, black, equal):
        for changed in (nothing_special, silenced, shouting):
            try:
                network, loss = loss_of(name, scene, classes, **changes)
            except ValueError as refused:  # a scene of one spectrum has no materials
                assert scene is equal, refused
                continue
            changed(network)
            value = sum(term.loss(slice(None)) for term in loss())
            value.backward()  # type: ignore[no-untyped-call]
            assert torch.isfinite(value)
            for key, weight in network.named_parameters():
                assert weight.grad is None or torch.isfinite(weight.grad).all(), (key, changed.__name__)


@pytest.mark.parametrize("name", CLASSIFYING)
def test_a_strangers_weights_beyond_reason_give_numbers_or_a_sentence(name: str) -> None:
    cube, classes = made_scene()
    weights = fitted(name, cube, classes).weights()  # type: ignore[attr-defined]
    for key, stored in weights.items():
        if stored.dtype.kind != "f":
            continue
        for factor in (1e29, -1e29):
            changed = {**weights, key: np.full_like(stored, factor)}
            try:
                machine = method(name).load().restore(changed, settled(name), CLASSES, None, CPU)
                shares = machine.classify(cube)
            except ValueError as refused:
                assert str(refused).endswith("."), (key, refused)
            else:
                assert np.isfinite(shares[:, cube.valid]).all(), key


def test_the_novelty_of_strange_pixels_is_a_number() -> None:
    plain, classes = made_scene()
    cube, _ = strange()
    for learnt in (plain, cube):
        found = Novelty.fit(learnt.pixels, classes[learnt.valid]).of(cube)
        assert np.isfinite(found[cube.valid]).all()
        assert np.isnan(found[~cube.valid]).all()
