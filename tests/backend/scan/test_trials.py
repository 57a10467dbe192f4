"""The forms tried on a device in a process of its own, with everything that can break there broken on purpose."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from mixel.backend import compiler
from mixel.backend.scan import forms as forms_function
from mixel.backend.scan import proof, torch_form, trials
from mixel.backend.scan.trials import STEP, Tried

forms = sys.modules[forms_function.__module__]
CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)


class OutOfResources(Exception):
    """As Triton's: an exception of no kind that torch or Python knows."""


class PTXASError(Exception):
    """Of the assembler."""


BREAKAGES = {
    "compiler fails": subprocess.CalledProcessError(1, ["gcc", "main.c"]),
    "no compiler": RuntimeError("Failed to find C compiler. Please specify via CC environment variable."),
    "no such program": FileNotFoundError(2, "No such file or directory", "gcc"),
    "small card": OutOfResources("out of resource: shared memory, Required: 131072, Hardware limit: 101376."),
    "assembler": PTXASError("PTXAS error: Internal Triton PTX codegen error"),
    "driver": AssertionError("libcuda.so cannot found!\nPlease make sure GPU is set up"),
    "old card": RuntimeError("CUDA error: no kernel image is available for execution on the device"),
    "memory": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "timeout": subprocess.TimeoutExpired("nvidia-smi", 5),
    "index": IndexError("list index out of range"),
    "nothing said": NotImplementedError(),
}


@pytest.fixture(autouse=True)
def untried():
    """Every test begins and ends without knowing any device."""
    trials.forget()
    forms._chosen_name.cache_clear()
    yield
    trials.forget()
    forms._chosen_name.cache_clear()


@pytest.fixture
def whole_machine(monkeypatch):
    """A machine on which Triton lacks nothing."""
    monkeypatch.setattr(compiler, "missing", lambda: "")


@pytest.mark.parametrize("name", list(BREAKAGES))
def test_whatever_a_form_raises_is_a_phrase(whole_machine, name):
    def broken(*_):
        raise BREAKAGES[name]

    fault = proof.fault(SimpleNamespace(forward=broken), CPU)
    assert fault and "\n" not in fault and not fault.endswith(".")
    assert type(BREAKAGES[name]).__name__ in fault or "memory is full" in fault


@pytest.mark.parametrize("name", ["compiler fails", "no compiler", "no such program"])
def test_a_missing_compiler_or_header_names_the_package(monkeypatch, name):
    monkeypatch.setattr(compiler, "_compiler", lambda: False)
    assert "install the package gcc" in proof.reason(BREAKAGES[name])
    monkeypatch.setattr(compiler, "_compiler", lambda: True)
    monkeypatch.setattr(compiler, "_headers", lambda: False)
    assert f"install the package python{sys.version_info[0]}.{sys.version_info[1]}-dev" in proof.reason(BREAKAGES[name])


def test_faults_of_another_kind_do_not_blame_the_compiler(monkeypatch):
    monkeypatch.setattr(compiler, "_compiler", lambda: False)
    assert "gcc" not in proof.reason(BREAKAGES["old card"])
    assert "too small for its kernels" in proof.reason(BREAKAGES["small card"])


def test_a_form_that_is_wrong_in_one_direction_is_found():
    def backwards(inputs, entries, dy, dlast):
        grads = list(torch_form.backward(inputs, entries, dy, dlast))
        if inputs.reverse and inputs.u.shape[2] == 21:
            grads[2] = 1.001 * grads[2]
        return grads

    wrong = SimpleNamespace(forward=torch_form.forward, backward=backwards)
    assert "70 tokens, 21 channels, 5 states, turned around" in proof.fault(wrong, CPU)


def test_a_form_that_is_wrong_without_gradients_or_in_half_precision_is_found():
    def hurried(inputs, keep, last):
        y, end, kept = torch_form.forward(inputs, keep, last)
        return (y if keep else 1.01 * y), end, kept

    assert "relative error" in proof.fault(SimpleNamespace(forward=hurried, backward=torch_form.backward), CPU)

    def narrow(inputs, keep, last):
        y, end, kept = torch_form.forward(inputs, keep, last)
        return (y if inputs.u.dtype == torch.float32 else 1.1 * y), end, kept

    assert "half precision" in proof.fault(SimpleNamespace(forward=narrow, backward=torch_form.backward), CPU)


def test_a_wrong_convolution_is_found():
    def conv(x, weight, bias, silu, reverse):
        return torch.nn.functional.silu(x * weight[:, -1] + bias)

    whole = {"forward": torch_form.forward, "backward": torch_form.backward}
    assert "convolution" in proof.fault(SimpleNamespace(**whole, conv=conv), CPU)


def child(monkeypatch, script):
    """The process that tries the forms runs this instead; FORMS are the names it is asked for."""
    run, asked = subprocess.run, []

    def instead(command, **options):
        asked.append(command[4:])
        return run([sys.executable, "-c", f"FORMS = {command[4:]!r}\n{script}"], **options)

    monkeypatch.setattr(trials.subprocess, "run", instead)
    monkeypatch.setattr(trials, "find_spec", lambda name: name)
    return asked


SAYS = "import json\ndef say(name, **more): print(json.dumps({'form': name, 'fault': '', **more}), flush=True)\n"


def test_a_process_that_is_killed_costs_the_form_that_killed_it(monkeypatch):
    script = SAYS + (
        "import os, signal\n"
        "for name in FORMS:\n"
        "    if name == 'triton': os.kill(os.getpid(), signal.SIGSEGV)\n"
        "    say(name, seconds=0.002)\n"
        "say('step', seconds=0.001, processor=0.004)\n"
    )
    asked = child(monkeypatch, script)
    found = trials.tried(CUDA)
    assert "SIGSEGV" in found["triton"].fault and not found["torch"].fault and not found["mamba_ssm"].fault
    assert found[STEP] == Tried("", 0.001, 0.004)
    assert len(asked) == 2 and "triton" not in asked[1]
    assert forms.chosen_form(CUDA).name in ("torch", "mamba_ssm")


def test_a_driver_that_hangs_is_given_up(monkeypatch):
    script = SAYS + "import time\nsay('triton', seconds=0.001)\ntime.sleep(60)\n"
    child(monkeypatch, script)
    told, ending = trials.run(["cuda:0", "triton", "torch"], limit=3)
    assert not told["triton"].fault and "no answer for 3 seconds" in ending


def test_a_driver_that_hangs_with_every_form_is_given_up_after_one_patience(monkeypatch):
    monkeypatch.setattr(trials, "LIMIT", 1.5)
    asked = child(monkeypatch, "import time; time.sleep(60)")
    found = trials.tried(CUDA)
    assert len(asked) == 1 and all("no answer for" in one.fault for one in found.values())
    assert set(found) == {*trials.NEEDED, STEP}


def test_a_form_whose_step_fails_is_left_for_the_next_one(monkeypatch):
    script = SAYS + (
        "for place, name in enumerate(FORMS): say(name, seconds=1 + place)\n"
        "say('step', seconds=1, processor=4, fault='it failed' if 'triton' in FORMS else '')\n"
    )
    asked = child(monkeypatch, script)
    found = trials.tried(CUDA)
    assert "a step with it failed: it failed" in found["triton"].fault
    assert not found[STEP].fault and len(asked) == 2 and "triton" not in asked[1]


def test_a_step_that_fails_with_every_form_is_a_fault_of_the_card(monkeypatch):
    script = SAYS + "for name in FORMS: say(name, seconds=1)\nsay('step', fault='it failed')\n"
    asked = child(monkeypatch, script)
    found = trials.tried(CUDA)
    assert found[STEP].fault == "it failed" and not found["torch"].fault and len(asked) == 3


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("import time; time.sleep(60)", "gave no answer for 1 seconds"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "with SIGSEGV"),
        ("raise RuntimeError('no driver')", ""),
    ],
)
def test_a_driver_is_asked_in_another_process_before_this_one_asks(monkeypatch, script, words):
    monkeypatch.setattr(trials, "ASKED", 1.0)
    monkeypatch.setattr(trials, "ASK", script)
    trials.silence.cache_clear()
    found = trials.silence()
    trials.silence.cache_clear()
    assert words in found and bool(words) == bool(found)


def test_a_device_has_one_name_with_its_number_or_without(monkeypatch):
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(trials, "_try", lambda *_: pytest.fail("it was tried again"))
    for one, same in (("mps", "mps:0"), ("cuda:0", "cuda")):
        trials.know(torch.device(one), {STEP: Tried("", 1.0, 2.0)})
        assert trials.tried(torch.device(same)) == trials.tried(torch.device(one))


def test_a_process_that_says_nothing_leaves_no_form(monkeypatch):
    child(monkeypatch, "raise SystemExit('cannot open shared object file')")
    found = trials.tried(CUDA)
    assert all("cannot open shared object file" in one.fault for one in found.values())
    with pytest.raises(ValueError, match="choose the device 'cpu'"):
        forms.form_module(None, CUDA, torch.float32)


def test_noise_among_the_answers_is_no_answer(monkeypatch):
    script = SAYS + "print('[1]'); print('{\"form\": 3'); print('{\"x\": 1}'); say('torch', seconds=1)\n"
    child(monkeypatch, script)
    assert list(trials.run(["cuda:0"])[0]) == ["torch"]


def test_the_real_process_tells_that_there_is_no_card():
    told, _ = trials.run(["cuda:0", "torch"])
    assert set(told) == {"torch", STEP}
    assert all("failed a trial run" in one.fault for one in told.values())


def test_the_real_process_times_a_form_and_a_step(monkeypatch, capfd):
    monkeypatch.setattr(trials, "SHAPE", (20, 8, 4, False, True, 2))
    monkeypatch.setattr(trials, "TOKENS", (2, 16, 16))
    found = dict(trials.trial(CPU, ["torch"]))
    assert not found["torch"].fault and found["torch"].seconds > 0
    assert not found[STEP].fault and found[STEP].seconds > 0 and found[STEP].processor > 0


def test_a_step_that_is_wrong_is_a_fault(monkeypatch):
    from mixel.backend.scan.block import MambaBlock

    monkeypatch.setattr(trials, "TOKENS", (2, 16, 16))
    whole, calls = MambaBlock.forward, []

    def drifting(self, tokens):
        calls.append(tokens)
        return (1.0 if len(calls) > trials.ROUNDS + 1 else 1.1) * whole(self, tokens)

    monkeypatch.setattr(MambaBlock, "forward", drifting)
    assert "relative error in a trial step" in dict(trials.trial(CPU, []))[STEP].fault


def test_a_gradient_that_is_no_number_is_a_fault_whichever_it_is(monkeypatch):
    from mixel.backend.scan.block import MambaBlock

    monkeypatch.setattr(trials, "TOKENS", (2, 16, 16))
    whole, calls = MambaBlock.zero_grad, []

    def spoil(self, set_to_none=True):
        whole(self, set_to_none)
        if not calls:
            list(self.parameters())[-1].register_hook(lambda grad: grad * torch.nan)
        calls.append(self)

    monkeypatch.setattr(MambaBlock, "zero_grad", spoil)
    assert "relative error in a trial step was nan" in dict(trials.trial(CPU, []))[STEP].fault


def test_the_fastest_that_agreed_is_taken_and_the_sentence_says_what_was_timed():
    trials.know(
        CUDA, {"triton": Tried("", 2e-3), "mamba_ssm": Tried("", 1e-3), "torch": Tried("", 9e-3), STEP: Tried()}
    )
    choice = forms.chosen_form(CUDA)
    assert choice.name == "mamba_ssm"
    assert "fastest (mamba_ssm 1 ms, triton 2 ms, torch 9 ms)" in choice.sentence
    assert forms.chosen_form(CUDA, initial_state=True).name == "triton"
    assert forms.chosen_form(CUDA, torch.float64).name == "torch"


def test_nothing_is_called_the_fastest_that_was_not_timed_against_another():
    trials.know(
        CUDA,
        {"triton": Tried("it is broken"), "mamba_ssm": Tried("it is missing"), "torch": Tried("", 9e-3), STEP: Tried()},
    )
    choice = forms.chosen_form(CUDA)
    assert choice.name == "torch" and "fastest" not in choice.sentence
    assert "it is broken" in choice.sentence and "it is missing" in choice.sentence
    with pytest.raises(ValueError, match="it is broken"):
        forms.form_module("triton", CUDA, torch.float32)


def test_apples_processor_is_asked_for_plain_torch_alone(monkeypatch):
    asked = child(monkeypatch, SAYS + "say('torch', seconds=0.1); say('step', seconds=1, processor=2)\n")
    found = trials.tried(torch.device("mps"))
    assert asked == [["torch"]] and "does not run on mps" in found["triton"].fault
    assert forms.chosen_form("mps").name == "torch"
    assert json.dumps(forms.chosen_form("mps").sentence)
