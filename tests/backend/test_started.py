"""What a run says of the device it works on: named where a network runs, and only there."""

from __future__ import annotations

import json

import pytest
import torch
from fields import write_areas
from fields import write_scene as fields_scene
from mixel.backend import devices, record, room
from mixel.backend.methods import methods
from mixel.backend.methods.mim import method as mim
from mixel.backend.methods.unmamba import method as unmamba
from mixel.backend.protocol import Job, Notice, Progress, Started
from mixel.backend.scan import trials
from mixel.backend.scan.trials import STEP, Tried
from mixel.backend.tasks import running, task
from runs import quick
from scenes import QUICK
from stripes import small


@pytest.fixture(autouse=True)
def a_card(monkeypatch):
    """torch claims to see one card, and its trial went well."""
    forget = devices.choose.cache_clear
    forget()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "NVIDIA A2000")
    forms = {name: Tried("", 1e-3) for name in trials.NEEDED}
    trials.know(torch.device("cuda", 0), {**forms, STEP: Tried("", 1e-3, 1e-2)})
    yield
    trials.forget()
    forget()


def job(method, **more):
    return Job(task=method.task, method=method.name, scene="scene.tif", output="out", **more)


@pytest.mark.parametrize("method", methods(), ids=lambda one: one.name)
def test_a_card_is_named_for_networks_alone(method):
    asked = job(method), task(method.task)
    named, sentence = record.chosen_device(*asked), record.scan_sentence(*asked)
    if method.name in ("unmamba", "mim", "spectralmamba", "mambahsi", "ugm"):
        assert method.on_device and named == "cuda:0 (NVIDIA A2000)" and "1 ms" in sentence and "form" in sentence
        assert "nearly the same" in record.versions(*asked)["Repeatable"]
    else:
        assert not method.on_device and named == "cpu" and sentence == ""
        assert "Selective scan" not in record.versions(*asked)


@pytest.mark.parametrize("method", [one for one in methods() if not one.on_device], ids=lambda one: one.name)
def test_no_device_is_tried_for_the_others_even_if_it_was_asked_for(method, monkeypatch):
    monkeypatch.setattr(devices, "choose", lambda wish: pytest.fail("a device was tried"))
    assert record.chosen_device(job(method, device="cuda"), task(method.task)) == "cpu"


def test_the_switch_for_equal_results_changes_the_promise():
    (method,) = [one for one in methods() if one.name == "mim"]
    told = record.versions(job(method, settings={"repeatable": True}), task(method.task))["Repeatable"]
    assert "trains the same network" in told and "nearly" not in told


def test_a_run_whose_card_breaks_after_its_trial_ends_well_on_the_processor(write_scene, tmp_path):
    """The card is claimed, so that whatever is sent there really fails."""
    events = []
    running.run(quick(write_scene(), tmp_path / "out"), events.append)
    assert events[0] == Progress(0.0, "Trying NVIDIA A2000; the first time this takes some minutes")
    assert events[1].device == "cuda:0 (NVIDIA A2000)"
    (told,) = [one.message for one in events if isinstance(one, Notice) and "graphics card" in one.message]
    assert "so the processor is used instead" in told and (tmp_path / "out" / "abundances.tif").exists()
    versions = json.loads((tmp_path / "out" / "job.json").read_text(encoding="utf-8"))["record"]["versions"]
    assert versions["Device"].startswith("cpu, after ") and versions["Device"].endswith(" failed")
    assert "to the last digit" in versions["Repeatable"] and versions["Processor"]
    assert "A2000" not in versions["Selective scan"]


@pytest.mark.parametrize("name", ["unmamba", "mim"])
def test_a_run_whose_card_breaks_while_it_maps_ends_well_on_the_processor(write_scene, tmp_path, monkeypatch, name):
    """The card is played by the processor; its first window after the training breaks."""
    state = []

    def fitted(fit, device, *_):
        found = fit(torch.device("cpu"))
        state.append("fitted")
        return found

    monkeypatch.setattr(room, "fitted", fitted)
    work, what = (unmamba.FittedUnmamba, "unmix") if name == "unmamba" else (mim.FittedMim, "classify")
    whole = getattr(work, what)

    def breaking(self, cube):
        if state == ["fitted"]:
            state.append("broken")
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return whole(self, cube)

    monkeypatch.setattr(work, what, breaking)
    out = str(tmp_path / "out")
    if name == "unmamba":
        asked = Job("unmix", name, write_scene(), out, QUICK)
    else:
        areas = write_areas(tmp_path / "areas.gpkg")
        asked = Job("classify", name, fields_scene(tmp_path / "fields.tif"), out, small(name), {}, {"training": areas})
    events = []
    running.run(asked, events.append)
    told = [one.message for one in events if isinstance(one, Notice) and "from here on" in one.message]
    assert state[:2] == ["fitted", "broken"] and len(told) == 1 and "illegal memory access" in told[0]
    versions = json.loads((tmp_path / "out" / "job.json").read_text(encoding="utf-8"))["record"]["versions"]
    assert versions["Device"].startswith("cpu, after ")


def test_a_run_on_a_card_that_cannot_be_used_works_on_the_processor(write_scene, tmp_path):
    broken = {name: Tried("there is no C compiler") for name in (*trials.NEEDED, STEP)}
    trials.know(torch.device("cuda", 0), broken)
    events = []
    running.run(quick(write_scene(), tmp_path / "out"), events.append)
    assert events[1].device == "cpu" and "NVIDIA A2000 is not used: there is no C compiler." in events[1].scan
    assert (tmp_path / "out" / "abundances.tif").exists()


@pytest.mark.parametrize(("method", "device"), [("unmamba", "cpu"), ("vca_fcls", "auto")])
def test_a_run_that_tries_no_card_does_not_say_so(write_scene, tmp_path, method, device):
    events = []
    settings = QUICK if method == "unmamba" else {"num_endmembers": 3}
    running.run(Job("unmix", method, write_scene(), str(tmp_path / "out"), settings, device=device), events.append)
    assert isinstance(events[0], Started)


def test_a_model_that_cannot_be_read_names_no_device():
    applied = Job("apply_model", "", "scene.tif", "out", inputs={"model": {"path": "/nowhere"}})
    assert record.chosen_device(applied, task("apply_model")) == "cpu"
