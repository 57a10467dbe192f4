"""The wire: what goes in comes out, and whatever is hostile gets one sentence."""

from __future__ import annotations

import json
import math
import re

import pytest
from mixel.backend import protocol
from mixel.backend.protocol import (
    Described,
    Done,
    Failed,
    Job,
    Metric,
    Notice,
    Output,
    Progress,
    Started,
    decode,
    encode,
)

JOB = {"task": "unmix", "method": "unmamba", "scene": "/data/scene.tif", "output": "/data/out"}
EVENTS = [
    Started("unmix", "unmamba", "cpu", "The plain form.", "1.2.3"),
    Progress(0.5, "Training, step 1 of 2", 12.5),
    Progress(0.0, "Reading"),
    Metric("loss", 0.25, 7, "reflectance"),
    Notice('Größe "1" \\ 100 % \n zweite Zeile, 高光谱, \u2028'),
    Output("abundances", "/données/Ergebnis 1/abundances.tif", "Abundances"),
    Done(3.5, {"reconstruction_rmse": 0.01}),
    Done(0.0),
    Failed("A sentence.", "Traceback\n  line"),
    Failed("/data/\udcfc.tif cannot be opened."),
    Described({"bands": 4, "wavelengths": [500.0, 600.0], "flags": [{"name": "cloud"}]}, ["A notice."], "A refusal."),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_the_wire(event):
    line = encode(event).encode("utf-8", "backslashreplace")
    assert b"\n" not in line
    assert decode(line.decode("utf-8")) == event


def test_every_kind_of_event_is_in_the_test_above():
    assert {type(event) for event in EVENTS} == set(protocol.Event.__args__)


def test_the_wire_format_names_every_event_with_its_fields_and_every_field_of_a_job():
    for event in EVENTS:
        name = type(event).__name__.lower()
        written = re.search(rf'{{"event": "{name}".*?}}', protocol.__doc__, re.DOTALL)
        assert written, name
        for field in vars(event):
            assert f'"{field}"' in written.group(), (name, field)
    for words in ("UTF-8", "exit code is 0", "standard error", "--parent", ":class:`Job`", ":data:`PARTIAL`"):
        assert words in protocol.__doc__


def test_unknown_fields_of_an_event_are_left_out_so_that_an_older_plugin_reads_a_newer_backend():
    assert decode('{"event": "notice", "message": "m", "colour": "red"}') == Notice("m")


@pytest.mark.parametrize(
    "line",
    [
        *("", "loading...", "{", "[]", "null", "3", '"done"', "{}", '{"event": "finished"}', '{"event": []}'),
        *('{"event": {}}', '{"event": null}', '{"event": "done"}', '{"event": "metric", "name": "loss"}'),
        *("[" * 100_000, "1" * 5000),
    ],
    ids=lambda line: line[:40] or "empty",
)
def test_a_line_that_is_no_event_is_a_value_error(line):
    with pytest.raises(ValueError):
        decode(line)


VALUES = (
    None,
    True,
    3,
    2.5,
    "text",
    [],
    ["text"],
    [3],
    {},
    {"a": "text"},
    {"a": 3},
    10**400,
    float("nan"),
    float("inf"),
)
FITS = {
    "text": ("text",),
    "number": (3, 2.5),
    "number or null": (None, 3, 2.5),
    "step": (3,),
    "object": ({}, {"a": "text"}, {"a": 3}),
    "figures": ({}, {"a": 3}),
    "texts": ([], ["text"]),
}
KINDS = {
    **dict.fromkeys(["fraction", "value", "seconds"], "number"),
    **{"seconds_left": "number or null", "step": "step", "facts": "object", "metrics": "figures", "notices": "texts"},
}


@pytest.mark.parametrize(
    "event", [EVENTS[0], EVENTS[1], *EVENTS[3:7], EVENTS[8], EVENTS[10]], ids=lambda e: type(e).__name__
)
def test_a_field_of_a_wrong_type_makes_no_event(event):
    content = json.loads(encode(event))
    for field in vars(event):
        fitting = FITS[KINDS.get(field, "text")]
        for value in VALUES:
            line = json.dumps({**content, field: value})
            if any(type(value) is type(one) and value == one for one in fitting):
                assert getattr(decode(line), field) == value
            else:
                with pytest.raises(ValueError, match=f"wrong value for '{field}'"):
                    decode(line)


def test_a_figure_that_does_not_exist_is_nan_and_still_a_result():
    assert math.isnan(decode('{"event": "done", "seconds": 1, "metrics": {"kappa": NaN}}').metrics["kappa"])


def test_a_job_survives_its_file(tmp_path):
    job = Job(
        "unmix",
        "unmamba",
        "/Größe 高/\udcfc.tif",
        "out",
        {"epochs": 2},
        {"number": "given"},
        {"map": {"path": "m.tif"}},
        1e4,
        "cpu",
        {"seconds": 1.5},
    )
    job.write(tmp_path / "job.json")
    assert Job.read(tmp_path / "job.json") == job
    assert [item.name for item in tmp_path.iterdir()] == ["job.json"]
    assert "Größe 高" in (tmp_path / "job.json").read_text(encoding="utf-8")


def test_the_shortest_job_has_defaults():
    job = Job.from_dict(JOB)
    assert (job.settings, job.scale, job.device, job.record, job.format) == ({}, None, "auto", {}, protocol.FORMAT)


@pytest.mark.parametrize("missing", JOB)
def test_a_job_without_a_needed_field_is_refused_by_its_name(missing):
    with pytest.raises(ValueError, match=f"needs the field '{missing}'"):
        Job.from_dict({name: value for name, value in JOB.items() if name != missing})


@pytest.mark.parametrize("field", JOB)
@pytest.mark.parametrize("value", [None, 3, True, [], ["unmix"], {}])
def test_a_needed_field_that_is_no_text_is_refused_by_its_name(field, value):
    with pytest.raises(ValueError, match=f"needs the field '{field}'"):
        Job.from_dict({**JOB, field: value})


def test_task_and_output_may_not_be_empty_but_a_task_may_need_no_method_and_no_scene():
    for field in ("task", "output"):
        with pytest.raises(ValueError, match=f"needs the field '{field}'"):
            Job.from_dict({**JOB, field: ""})
    assert Job.from_dict({**JOB, "method": "", "scene": ""}).scene == ""


@pytest.mark.parametrize("value", [None, "labels.gpkg", {}, {"path": ""}, {"path": 3}, ["labels.gpkg"]])
def test_an_input_without_a_path_is_refused_by_its_name(value):
    with pytest.raises(ValueError, match="The input 'labels' of the job file"):
        Job.from_dict({**JOB, "inputs": {"labels": value}})
    good = Job.from_dict({**JOB, "inputs": {"labels": {"path": "a.gpkg", "field": "class"}}})
    assert good.inputs["labels"]["field"] == "class"


@pytest.mark.parametrize(
    ("field", "value"),
    [(name, value) for name in ("settings", "options", "inputs") for value in (None, [], "epochs", 3)]
    + [("record", value) for value in (None, [], "x")]
    + [("scale", value) for value in (0, -1, "10000", True, float("nan"), float("inf"), 1e9, [], {})]
    + [("device", value) for value in ("", " ", 201 * "x", None, 0, [], {})]
    + [("format", value) for value in (0, 2, "1", None, [], {})]
    + [("Scene", "x"), ("shell", "rm"), ("0", 1)],
)
def test_a_field_of_a_wrong_type_or_name_is_refused_by_its_name(field, value):
    with pytest.raises(ValueError, match=re.escape(field)) as refused:
        Job.from_dict({**JOB, field: value})
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize("content", [None, [], "job", 3, [JOB]])
def test_a_job_that_is_no_object_is_refused(content):
    with pytest.raises(ValueError, match="one JSON object"):
        Job.from_dict(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"{'task': 1}", b"[" * 100_000, b"1" * 5000, json.dumps(JOB).encode("utf-16")],
    ids=["empty", "cut", "no UTF-8", "Python", "deep", "long number", "UTF-16"],
)
def test_a_file_that_is_no_json_is_refused_with_its_path(tmp_path, content):
    path = tmp_path / "job.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"job\.json cannot be read"):
        Job.read(path)


@pytest.mark.parametrize("name", ["missing.json", ".", "nul\0.json", "x" * 300])
def test_a_job_file_that_is_not_there_is_refused_in_a_sentence(tmp_path, name):
    with pytest.raises(ValueError, match="cannot be read"):
        Job.read(f"{tmp_path}/{name}")


def test_a_job_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "job.json"
    Job.from_dict(JOB).write(path)
    before = path.read_bytes()
    monkeypatch.setattr(protocol.os, "replace", lambda *paths: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        Job.from_dict({**JOB, "scene": "/data/other.tif"}).write(path)
    assert [item.name for item in tmp_path.iterdir()] == ["job.json"]
    assert path.read_bytes() == before
