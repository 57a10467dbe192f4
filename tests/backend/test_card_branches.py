"""The ways that methods take on graphics cards, taken on the processor: they must give what its own ways give."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from mixel.backend import room, training
from mixel.backend.config import build
from mixel.backend.cube import partition
from mixel.backend.methods import method
from mixel.backend.methods.ugm import goal
from mixel.backend.methods.unmamba import method as unmamba
from mixel.backend.methods.unmamba.released import ReleasedUnmamba
from stripes import BANDS, CPU, crop, data, made_scene, silent, small

NETWORKS = ("mim", "spectralmamba", "mambahsi", "ugm")
AXIS = np.linspace(450, 1000, BANDS).astype(np.float32)
CLOSE = 2e-5
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def on_card(monkeypatch):
    """From the call on, the processor counts as a graphics card."""
    return lambda: monkeypatch.setattr(room, "on_card", lambda device: True)


@pytest.fixture(scope="module", params=NETWORKS)
def learnt(request):
    """A method's name, what it learnt, how far it sees, a scene and a part of it with a halo."""
    cube, classes = made_scene(40, 33)
    name = request.param
    config = build(method(name).config, small(name))
    joint = [[cube]] if name == "ugm" else []
    work = method(name).load()
    machine = work.fit(data(cube, classes, wavelengths=AXIS), *joint, config, CPU, silent)
    halo = work.plan(config).halo
    return name, machine, halo, cube


def parts(cube, halo):
    """The whole scene, and its windows with their halo."""
    yield cube
    for window in partition(*cube.valid.shape, 21, halo):
        top, bottom, left, right = window.halo
        rows = slice(window.row - top, window.row + window.rows + bottom)
        cols = slice(window.col - left, window.col + window.cols + right)
        yield crop(cube, rows, cols, window.halo)


def core(found, cube):
    return found[(slice(None), *cube.window.core)]


def test_classes_are_those_of_the_processor(learnt, on_card):
    _, machine, halo, cube = learnt
    expected = [core(machine.classify(part), part) for part in parts(cube, halo)]
    on_card()
    for part, own in zip(parts(cube, halo), expected, strict=True):
        np.testing.assert_allclose(core(machine.classify(part), part), own, atol=CLOSE)


def test_the_processor_goes_on_with_what_a_card_has_learnt(learnt):
    _, machine, _, cube = learnt
    expected = machine.classify(cube)
    machine.to_processor()
    assert torch.device(machine.device).type == "cpu"
    np.testing.assert_array_equal(machine.classify(cube), expected)


def test_a_full_card_is_worked_on_in_parts(learnt, on_card, monkeypatch):
    name, machine, _, cube = learnt
    expected, tried = machine.classify(cube), []
    on_card()
    network, whole = type(machine.network), machine.network.forward

    def limited(self, tensor, *others):
        tried.append(1)
        if len(tried) < 4:
            raise FULL
        return whole(tensor, *others)

    if name == "spectralmamba":
        monkeypatch.setattr(machine.network, "mapping", lambda: lambda grid: limited(machine.network, grid))
    else:
        monkeypatch.setattr(network, "forward", limited)
    if name in ("mim", "spectralmamba"):
        monkeypatch.setattr(f"mixel.backend.methods.{name}.method.MOST", 400)
    np.testing.assert_allclose(machine.classify(cube), expected, atol=CLOSE)
    assert len(tried) > 4


def test_a_card_that_is_too_small_for_anything_says_what_to_lower(learnt, on_card, monkeypatch):
    _, machine, _, cube = learnt
    on_card()

    def never(*_):
        raise FULL

    monkeypatch.setattr(type(machine.network), "forward", never)
    if hasattr(machine.network, "mapping"):
        monkeypatch.setattr(machine.network, "mapping", lambda: never)
    with pytest.raises(ValueError, match="memory is full"):
        machine.classify(cube)


def test_abundances_of_the_joint_method_are_those_of_the_processor(learnt, on_card):
    name, machine, halo, cube = learnt
    if name != "ugm":
        assert not hasattr(machine, "unmix")
        return
    found = [(machine.unmix(part), machine.unmix_and_classify(part)) for part in parts(cube, halo)]
    on_card()
    for part, (alone, (both, classes)) in zip(parts(cube, halo), found, strict=True):
        np.testing.assert_allclose(core(machine.unmix(part).abundances, part), core(alone.abundances, part), atol=CLOSE)
        again, shares = machine.unmix_and_classify(part)
        np.testing.assert_allclose(core(shares, part), core(classes, part), atol=CLOSE)
        np.testing.assert_allclose(core(again.error[None], part), core(both.error[None], part), atol=CLOSE)


@pytest.fixture(scope="module")
def unmixed():
    """UNMamba after some steps, and a scene."""
    cube, _ = made_scene(40, 33)
    return unmamba.fit([cube], build(method("unmamba").config, small("unmamba")), CPU, silent), cube


def test_unmamba_with_least_squares_on_the_device(unmixed, on_card):
    fitted, cube = unmixed
    expected = fitted.unmix(cube)
    on_card()
    found = fitted.unmix(cube)
    np.testing.assert_allclose(found.abundances, expected.abundances, atol=CLOSE)
    np.testing.assert_allclose(found.error, expected.error, atol=CLOSE)


def test_the_processor_goes_on_with_abundances_too(unmixed):
    fitted, cube = unmixed
    expected = fitted.unmix(cube).abundances
    fitted.to_processor()
    np.testing.assert_array_equal(fitted.unmix(cube).abundances, expected)


def test_unmamba_learns_the_same_with_least_squares_on_the_device(unmixed, on_card):
    fitted, cube = unmixed
    on_card()
    again = unmamba.fit([cube], build(method("unmamba").config, small("unmamba")), CPU, silent)
    np.testing.assert_allclose(again.record.losses, fitted.record.losses, rtol=1e-4)


def test_unmamba_on_a_full_card_is_mapped_in_parts_without_seams(unmixed, on_card, monkeypatch):
    fitted, cube = unmixed
    expected, seen = fitted.unmix(cube).abundances, []
    on_card()
    whole = fitted.network.forward

    def limited(self, tiles):
        seen.append(tiles.shape[2:])
        if len(seen) < 3:
            raise FULL
        return whole(tiles)

    monkeypatch.setattr(type(fitted.network), "forward", limited)
    np.testing.assert_allclose(fitted.unmix(cube).abundances, expected, atol=5e-3)
    assert len(seen) > 3


def test_the_released_variant_is_never_cut(on_card, monkeypatch):
    cube, _ = made_scene(12, 10)
    config = build(method("unmamba").config, {**small("unmamba"), "variant": "released", "epochs": 2})
    fitted = unmamba.fit([cube], config, CPU, silent)
    on_card()
    monkeypatch.setattr(ReleasedUnmamba, "forward", lambda *_: (_ for _ in ()).throw(FULL))
    with pytest.raises(ValueError, match="memory is full"):
        fitted.unmix(cube)


@pytest.mark.parametrize("name", [*NETWORKS, "unmamba"])
def test_a_step_that_does_not_fit_is_learnt_from_in_parts(name, monkeypatch):
    """The card refuses more than a third of the pieces; the losses are those of the whole."""
    cube, classes = made_scene(40, 33)
    tiles = [crop(cube, slice(row, row + 10), slice(0, 33)) for row in range(0, 40, 10)]
    known = [data(tile, classes[row : row + 10]) for row, tile in zip(range(0, 40, 10), tiles, strict=True)]
    labelled = replace(known[0], training=[one.training[0] for one in known], wavelengths=AXIS)
    settings = {**small(name), **({} if name == "unmamba" else {"dropout": 0.0})}
    config, work = build(method(name).config, settings), method(name).load()
    given = {"unmamba": (tiles,), "ugm": (labelled, tiles)}.get(name, (labelled,))

    whole = work.fit(*given, config, CPU, silent).record
    monkeypatch.setattr(training, "on_card", lambda device: True)
    monkeypatch.setattr(training, "Term", SmallCard)
    for module in (work, goal):
        monkeypatch.setattr(module, "Term", SmallCard, raising=False)
    parts = work.fit(*given, config, CPU, silent).record
    assert whole.parts == 1 and parts.parts >= 4
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=2e-4)


@dataclass(frozen=True)
class SmallCard(training.Term):
    """A term of which not more than a third of the pieces fit at once."""

    def __post_init__(self):
        whole, pieces = self.loss, torch.arange(len(self.counts))

        def loss(part):
            if len(pieces[part]) > max(1, len(pieces) // 3):
                raise FULL
            return whole(part)

        object.__setattr__(self, "loss", loss)


@pytest.mark.parametrize("repeatable", [False, True])
def test_the_switch_for_equal_results_changes_nothing_on_the_processor(repeatable):
    cube, classes = made_scene()
    config = build(method("spectralmamba").config, {**small("spectralmamba"), "repeatable": repeatable})
    plain = build(method("spectralmamba").config, small("spectralmamba"))
    work = method("spectralmamba").load()
    found, own = (work.fit(data(cube, classes, wavelengths=AXIS), one, CPU, silent) for one in (config, plain))
    assert found.record.losses == own.record.losses
