"""The real desktop on a virtual screen: from scene or product to styled layers, cancelled, closed, killed."""

from __future__ import annotations

import os
import signal
import zipfile
from typing import Any, Dict

import desktop
import product
import pytest

SHORT = {"num_endmembers": 4, "epochs": 5, "seed": 3}
LONG = {"num_endmembers": 4, "epochs": 20000, "seed": 3}
BACKENDS = 2
"""Processes of one run: the backend and its watchdog."""
GONE_WITHIN = 2.0


@pytest.fixture(scope="module")
def told(scene, tmp_path_factory) -> Dict[str, Dict[str, Any]]:
    """What the robot told in one start of QGIS, by event, with what the host saw after QGIS had gone."""
    folder = tmp_path_factory.mktemp("whole")
    results = folder / "results"
    args = {
        "scene": str(scene),
        "folder": str(results),
        "project": str(folder / "project.qgz"),
        "settings": SHORT,
        "long": LONG,
        "failure_picture": str(folder / "failure.png"),
    }
    events = {}
    with desktop.Desktop(folder, "story_whole", args) as started:
        for event in started.events(400):
            events[event["event"]] = event
            if event["event"] == "failed":
                pytest.fail("\n".join(f"{key}: {value}" for key, value in event.items()))
        code = started.wait_for_end(30)
    seconds = desktop.seconds_until(lambda: not desktop.backends_of(results), 20)
    events["gone"] = {"code": code, "seconds": seconds}
    events["folder"] = {"path": folder}
    return events


def test_the_panel_says_what_the_scene_is(told):
    for part in ("177", "80", "60"):
        assert part in told["facts"]["text"]


def test_a_run_is_a_process_and_its_watchdog(told):
    assert 1 <= len(told["backends"]["pids"]) <= BACKENDS


def test_the_layers_arrive_in_one_group(told):
    (group,) = told["layers"]["groups"]
    names = [layer["name"] for layer in group["layers"]]
    assert len(names) == 6
    assert "omposite" in names[0]
    assert len(set(names)) == 6
    assert "error" in names[5].lower()
    assert [layer["visible"] for layer in group["layers"]] == [True] + [False] * 5
    assert all(layer["valid"] and layer["crs"] == "EPSG:32633" for layer in group["layers"])
    assert told["layers"]["report"]


def test_the_layers_are_styled(told):
    composite, *abundances, error = told["layers"]["groups"][0]["layers"]
    assert composite["renderer"] == "multibandcolor"
    assert len(set(composite["bands"])) == 3
    assert [layer["renderer"] for layer in abundances] == ["singlebandpseudocolor"] * 4
    assert [layer["range"] for layer in abundances] == [[0, 1]] * 4
    assert [layer["bands"] for layer in abundances] == [[1], [2], [3], [4]]
    assert error["renderer"] == "singlebandpseudocolor"
    assert error["range"][0] == 0 < error["range"][1]


def test_the_result_folder_is_whole(told):
    names = {file.name for file in (told["folder"]["path"] / "results" / "first").iterdir()}
    assert {"report.html", "job.json"} <= names
    assert len([name for name in names if name.endswith(".tif")]) == 2
    assert [name for name in names if name.endswith(".sli")]
    assert not [name for name in names if "partial" in name]


def test_a_saved_project_holds_relative_paths(told):
    with zipfile.ZipFile(told["folder"]["path"] / "project.qgz") as project:
        (name,) = [name for name in project.namelist() if name.endswith(".qgs")]
        text = project.read(name).decode("utf-8")
    assert "./results/first/" in text
    assert str(told["folder"]["path"] / "results") not in text


def test_cancel_ends_everything_within_two_seconds(told):
    assert 1 <= len(told["cancelled"]["pids"]) <= BACKENDS
    assert told["cancelled"]["seconds"] <= GONE_WITHIN
    assert told["cancelled"]["tasks"] == 0
    assert told["cancelled"]["groups"] == 1
    assert "ancel" in told["cancelled"]["status"]
    left = told["folder"]["path"] / "results" / "cancelled"
    assert not left.exists() or not [file for file in left.iterdir() if file.suffix == ".tif"]


def test_closing_qgis_during_a_run_leaves_no_process(told):
    assert 1 <= len(told["closing"]["pids"]) <= BACKENDS
    assert told["gone"]["code"] == 0
    assert told["gone"]["seconds"] <= GONE_WITHIN


def test_killing_qgis_during_a_run_leaves_no_process(scene, tmp_path):
    results = tmp_path / "results"
    args = {"scene": str(scene), "folder": str(results), "long": LONG}
    with desktop.Desktop(tmp_path, "story_killed", args) as started:
        busy = started.wait_for("busy", 200)
        assert 1 <= len(busy["pids"]) <= BACKENDS
        os.kill(started.pid, signal.SIGKILL)
        assert desktop.seconds_until(lambda: not desktop.backends_of(results), 20) <= GONE_WITHIN


def test_a_product_is_opened_in_true_colour_and_unmixed(tmp_path):
    path = product.write_product(tmp_path / "prodükt" / product.NAME)
    args = {"product": str(path), "folder": str(tmp_path / "results"), "failure_picture": str(tmp_path / "failure.png")}
    with desktop.Desktop(tmp_path / "qgis", "story_product", args) as started:
        known = started.wait_for("known", 120)
        shown = started.wait_for("shown", 120)
        unmixed = started.wait_for("unmixed", 200)
        assert started.wait_for_end(60) == 0
    for text in ("EnMAP L2A", "430–2290 nm", "24 rows × 30 columns", "2023-05-01 10:10", "reflectance"):
        assert text in known["text"]
    assert known["cloud"]
    assert shown["name"] == "EnMAP L2A 2023-05-01"
    assert [product.WAVELENGTHS[band - 1] for band in shown["bands"][:3]] == [610, 550, 430]
    cloud, west, east = (shown["colours"][name] for name in ("cloud", "west", "east"))
    assert cloud == [255, 255, 255], "the cloud is left out: the map shows through"
    assert west[0] > west[2] + 50 and east[2] > east[0] + 50
    assert unmixed["name"] == "Unmixed: EnMAP L2A 2023-05-01"
    assert len(unmixed["layers"]) == 5
    assert all(layer["valid"] and layer["crs"] == "EPSG:32633" for layer in unmixed["layers"])
