"""Which device a run works on, and what is said of it; cards are played by a torch that claims to have some."""

from __future__ import annotations

import pytest
import torch
from mixel.backend import devices
from mixel.backend.scan import trials
from mixel.backend.scan.trials import STEP, Tried

FORMS = {name: Tried("", 1e-3) for name in trials.NEEDED}


@pytest.fixture(autouse=True)
def untold():
    """No device and no choice is known before a test, nor after it."""
    devices.choose.cache_clear()
    trials.forget()
    yield
    devices.choose.cache_clear()
    trials.forget()


@pytest.fixture
def cards(monkeypatch):
    """``cards(("name", step), ...)``: what torch claims to see, and what the trial of each card gives."""

    def claim(*given):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(given))
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(given))
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: given[number][0])
        for number, (_, found) in enumerate(given):
            whole = found if isinstance(found, dict) else {**FORMS, STEP: found}
            trials.know(torch.device("cuda", number), whole)

    return claim


FAST, SLOW = Tried("", 0.001, 0.01), Tried("", 0.02, 0.01)
BROKEN = {name: Tried("there is no C compiler") for name in (*FORMS, STEP)}


def test_without_a_card_the_processor_is_taken(cards):
    cards()
    chosen = devices.choose("auto")
    assert chosen.device.type == "cpu" and chosen.name == "cpu" and "No graphics card" in chosen.sentence


def test_a_card_that_is_faster_is_taken_by_name_and_number(cards):
    cards(("NVIDIA A2000", FAST))
    chosen = devices.choose("auto")
    assert chosen.device == torch.device("cuda", 0) and chosen.name == "cuda:0 (NVIDIA A2000)"
    assert "1 ms" in chosen.sentence and "10 ms" in chosen.sentence


def test_a_card_that_is_slower_is_left_unless_it_is_asked_for(cards):
    cards(("NVIDIA T400", SLOW))
    chosen = devices.choose("auto")
    assert chosen.device.type == "cpu" and "was not faster" in chosen.sentence and "T400" in chosen.sentence
    assert devices.choose("cuda").device.type == "cuda"


def test_the_faster_of_two_cards_is_taken_and_another_by_its_name(cards):
    cards(("NVIDIA T400", SLOW), ("NVIDIA A2000", FAST))
    assert devices.choose("auto").device == torch.device("cuda", 1)
    assert devices.choose("cuda").device == torch.device("cuda", 1)
    assert devices.choose("t400").device == torch.device("cuda", 0)
    assert devices.choose("cuda:0").device == torch.device("cuda", 0)
    assert devices.choose("CUDA:1").device == torch.device("cuda", 1)


@pytest.mark.parametrize("wish", ["a3000", "cuda:7", "mps"])
def test_a_card_that_is_not_there_is_refused_with_the_names_of_those_that_are(cards, wish):
    cards(("NVIDIA T400", SLOW))
    with pytest.raises(ValueError, match=r"no graphics card .* torch sees NVIDIA T400"):
        devices.choose(wish)


def test_cuda_without_a_card_is_refused_with_the_way_out(cards):
    cards()
    with pytest.raises(ValueError, match=r"GPU cannot be used.*Choose the device 'auto' or 'cpu', or repair"):
        devices.choose("cuda")


def test_a_card_on_which_nothing_runs_is_left_and_the_reason_told(cards):
    cards(("NVIDIA A2000", BROKEN))
    chosen = devices.choose("auto")
    assert chosen.device.type == "cpu" and "NVIDIA A2000 is not used: there is no C compiler." in chosen.sentence
    with pytest.raises(ValueError, match="no C compiler"):
        devices.choose("cuda")


def test_a_card_on_which_triton_alone_fails_is_taken_all_the_same(cards):
    cards(("NVIDIA A2000", {**FORMS, "triton": Tried("there is no C compiler"), STEP: FAST}))
    assert devices.choose("auto").device.type == "cuda"


def test_a_card_whose_step_is_wrong_is_left(cards):
    cards(("NVIDIA A2000", Tried("its relative error in a trial step was 1e-01")), ("NVIDIA T400", FAST))
    chosen = devices.choose("auto")
    assert chosen.device == torch.device("cuda", 1) and "A2000 is not used" in chosen.sentence


def test_a_driver_that_breaks_when_it_is_asked_is_told(cards, monkeypatch):
    cards(("NVIDIA A2000", FAST))

    def broken(number):
        raise RuntimeError("CUDA driver version is insufficient for CUDA runtime version\nmore")

    monkeypatch.setattr(torch.cuda, "get_device_name", broken)
    assert "driver version is insufficient" in devices.choose("auto").sentence
    with pytest.raises(ValueError, match="driver version is insufficient"):
        devices.choose("cuda")


def test_a_driver_that_hangs_before_any_trial_is_left(cards, monkeypatch):
    cards(("NVIDIA A2000", FAST))
    monkeypatch.setattr(torch.version, "cuda", "12.6")
    monkeypatch.setattr(trials, "silence", lambda: "its driver gave no answer for 60 seconds")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: pytest.fail("it was asked here"))
    chosen = devices.choose("auto")
    assert chosen.device.type == "cpu" and "its driver gave no answer for 60 seconds" in chosen.sentence


def test_apples_processor_is_one_of_them(cards, monkeypatch):
    cards()
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    trials.know(torch.device("mps"), {**FORMS, STEP: FAST})
    assert devices.choose("auto").device.type == "mps" and devices.choose("mps").name.startswith("mps")


def test_the_processor_is_taken_without_a_trial(cards, monkeypatch):
    monkeypatch.setattr(trials, "tried", lambda device: pytest.fail("a trial was run"))
    cards(("NVIDIA A2000", FAST))
    assert devices.choose("cpu").device.type == "cpu"


def test_repeatable_operators_are_switched_on_and_back_on_a_card_alone():
    seen = []
    for device, wanted in ((torch.device("cuda"), True), (torch.device("cuda"), False), (torch.device("cpu"), True)):
        with devices.repeatable(device, wanted):
            seen.append(torch.are_deterministic_algorithms_enabled())
    assert seen == [True, False, False] and not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(KeyError), devices.repeatable(torch.device("cuda"), True):
        raise KeyError
    assert not torch.are_deterministic_algorithms_enabled()


def test_on_windows_no_more_than_the_free_memory_is_taken(cards, monkeypatch):
    """The driver there lends the computer's memory to a full card, and everything gets slow."""
    taken = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3e9, 12e9))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda *given: taken.append(given))
    cards(("NVIDIA A2000", FAST))
    devices.choose("auto")
    assert not taken
    devices.choose.cache_clear()
    monkeypatch.setattr(devices.sys, "platform", "win32")
    devices.choose("auto")
    assert taken == [(0.25, torch.device("cuda", 0))]


def test_what_a_seed_gives_is_said_by_device():
    assert "to the last digit" in devices.promise(torch.device("cpu"), False)
    assert "nearly the same" in devices.promise(torch.device("cuda"), False)
    assert "nearly" not in devices.promise(torch.device("cuda"), True)
