"""Every network on a real NVIDIA graphics card against the processor: ``make test-gpu``. Without a card these fail."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mixel.backend import devices
from mixel.backend.abundances import batched, least_squares
from mixel.backend.config import build
from mixel.backend.methods import method, methods
from mixel.backend.scan import trials

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))
from stripes import BANDS, CLASSES, CPU, data, made_scene, silent, small

CUDA = torch.device("cuda", 0)
AXIS = np.linspace(450, 1000, BANDS).astype(np.float32)
CLASSIFYING = [one.name for one in methods() if one.on_device and one.task != "unmix"]
CLOSE = 1e-3


def learnt(name, device, **changes):
    """What a method learns of a small scene on a device."""
    cube, classes = made_scene(40, 33)
    config = build(method(name).config, {**small(name), **changes})
    known = data(cube, classes, validation=20, wavelengths=AXIS)
    task = method(name).task
    given = {"unmix": [[cube]], "classify": [known], "unmix_and_classify": [known, [cube]]}[task]
    return method(name).load().fit(*given, config, device, silent), config, cube


def test_the_trial_of_this_card_finds_no_fault():
    found = trials.tried(CUDA)
    assert not found["triton"].fault and not found["torch"].fault and not found[trials.STEP].fault
    print(devices.choose("auto").sentence)


@pytest.mark.parametrize("name", CLASSIFYING)
def test_a_map_of_the_card_is_that_of_the_processor(name):
    machine, config, cube = learnt(name, CPU)
    there = method(name).load().restore(machine.weights(), config, CLASSES, AXIS, CUDA)
    np.testing.assert_allclose(there.classify(cube), machine.classify(cube), atol=CLOSE)


@pytest.mark.parametrize("name", [one.name for one in methods() if one.on_device])
def test_training_on_the_card_starts_as_on_the_processor(name):
    still = {} if name == "unmamba" else {"dropout": 0.0}  # chance is drawn otherwise on a card
    here, there = (learnt(name, device, **still)[0].record.losses for device in (CPU, CUDA))
    np.testing.assert_allclose(there[:3], here[:3], rtol=1e-2)
    assert np.isfinite(there).all()


@pytest.mark.parametrize("name", [one.name for one in methods() if one.on_device])
def test_the_same_seed_gives_the_same_losses_where_that_is_asked_for(name):
    first, second = (learnt(name, CUDA, repeatable=True)[0].record.losses for _ in range(2))
    assert first == second


def test_least_squares_on_the_card():
    draw = np.random.default_rng(0)
    spectra = draw.random((8, 50)).astype(np.float32)
    pixels = (draw.dirichlet(np.full(8, 0.3), 4000) @ spectra).astype(np.float32)
    found = batched.nonnegative(torch.from_numpy(pixels).to(CUDA), torch.from_numpy(spectra)).cpu().numpy()
    np.testing.assert_allclose(found, least_squares.nonnegative(pixels, spectra), atol=1e-4)


def test_a_card_that_is_nearly_full_is_worked_on_in_parts():
    machine, config, cube = learnt("mambahsi", CPU)
    there = method("mambahsi").load().restore(machine.weights(), config, CLASSES, AXIS, CUDA)
    whole = there.classify(cube)
    torch.cuda.empty_cache()
    again = method("mambahsi").load().restore(machine.weights(), config, CLASSES, AXIS, CUDA)
    total, limit = torch.cuda.get_device_properties(CUDA).total_memory, 256e6
    while math.isinf(again.room.most):  # until less is left than the whole needs
        limit /= 2
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved(CUDA) + limit) / total, CUDA)
        try:
            found = again.classify(cube)
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, CUDA)
    np.testing.assert_allclose(found, whole, atol=CLOSE)
