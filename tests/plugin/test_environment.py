"""Making, finding, repairing and deleting the backend's Python: with a scripted interpreter, and once really."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
from mixel.plugin import environment
from mixel.plugin.environment import __main__ as commands
from mixel.plugin.environment import child, places, runner, turn
from scripted_python import ABOUT, make, pythons


def test_nothing_there_is_a_reason_and_no_folder(home):
    found = environment.find()
    assert found.python is None
    assert "make it" in found.reason
    assert not home.exists()


def test_create_makes_a_python_that_is_found(home, fake):
    steps = make()
    fractions = [fraction for fraction, _ in steps]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    found = environment.find()
    assert found.python.is_file()
    assert found.python.parent.parent.parent == home
    assert environment.check(found.python) == ABOUT
    assert pythons(home) == ["python-cpu"]
    assert not (found.python.parent.parent / "tmp").exists()


def test_torch_comes_first_and_alone_then_the_rest_by_hash_then_the_check(home, fake):
    make()
    steps = [call for call in fake.calls() if re.search("pip (install|download)|about", call)]
    assert re.search(r"pip download .*--dest .*torch==2\.13\.0\+cpu --no-deps", steps[0])
    assert re.search(r"pip install .*--no-deps --no-index .*torch-2\.13\.0\+cpu-py3-none-any\.whl", steps[1])
    assert re.search(r"pip install .*--no-deps --require-hashes --requirement \S*", steps[2])
    assert all("--progress-bar raw" in step and "--only-binary=:all:" in step for step in steps[:3])
    assert steps[3:] == ["-m backend.about"]


def test_where_packages_come_from_is_told_before_anything_is_installed(home, fake):
    messages = []
    for _, message in environment.create(lambda: False):
        messages.append(message)
        if message.startswith("Packages come from"):
            assert not any(re.search("pip (install|download)", call) for call in fake.calls())
    told = [message for message in messages if message.startswith("Packages come from")]
    assert told[0].startswith("Packages come from PyPI and https://***@extra.example/simple (so pip's settings say)")
    assert "torch also from download.pytorch.org/whl/cpu" in told[0]
    log = environment.log_path().read_text(encoding="utf-8")
    assert told[0] in log
    assert "secret" not in log


def test_what_the_machine_lacks_is_told_at_the_end_in_the_diagnosis_and_by_check(home, fake, monkeypatch, capsys):
    assert "compiler" not in make()[-1][1]
    monkeypatch.setenv("FAKE", "no compiler")
    assert list(environment.repair(lambda: False))[-1][1].endswith(". There is no C compiler.")
    assert "There is no C compiler." in environment.diagnosis()
    assert commands.main(["check"]) == 0
    assert capsys.readouterr().out.strip().endswith("There is no C compiler.")


def test_create_again_makes_nothing_again(home, fake):
    make()
    count = len(fake.calls())
    steps = make()
    assert steps[-1][0] == 1
    assert len(fake.calls()) == count


def test_repair_makes_it_anew(home, fake):
    make()
    stray = environment.find().python.parent / "stray"
    stray.write_text("")
    list(environment.repair(lambda: False))
    assert environment.find().python
    assert not stray.exists()


def test_delete_leaves_nothing_to_find(home, fake):
    make()
    assert environment.size() > 0
    environment.delete()
    assert environment.find().python is None
    assert environment.size() == 0
    assert [path.name for path in home.iterdir()] == [turn.FILE]
    environment.delete()


def test_the_python_made_last_is_the_one_found(home, fake, monkeypatch):
    monkeypatch.setattr(places, "_fitting_build", lambda: ("cu130", "The NVIDIA driver has CUDA 13.0."))
    make()
    assert "python-cu130" in str(environment.find().python)
    make(accelerator="cpu")
    assert "python-cpu" in str(environment.find().python)
    make()
    assert "python-cu130" in str(environment.find().python)
    assert pythons(home) == ["python-cpu", "python-cu130"]


def test_a_silent_step_says_how_long_it_takes(home, fake, monkeypatch):
    fake("hang")
    clock = time.monotonic
    monkeypatch.setattr(runner.time, "monotonic", lambda: clock() * 20)
    seen = []
    for step in environment.create(lambda: any("(5 s)" in message for message in seen)):
        seen.append(step[1])
        if "(5 s)" in step[1]:
            break
    assert any(message.endswith("(5 s)") for message in seen)


def test_a_half_made_python_is_not_found_and_is_made_anew(home, fake):
    half = places.place("cpu").folder / "bin" / "python"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    assert "half made" in environment.find().reason
    make()
    assert environment.find().python.read_text() != "half"


MARKER = {"time": 1.5, "accelerator": "cpu", "lock": "lock.txt"}


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{broken", "3", "null", "[" * 100_000, '{"time": 1'),
        *({**MARKER, "time": value} for value in ("1", None, True, [], float("nan"), float("inf"), -1, 10**400)),
        *({**MARKER, "accelerator": value} for value in ("cu130", None, 3, ["cpu"])),
        *({**MARKER, "lock": value} for value in (None, 3, {})),
        *({key: value for key, value in MARKER.items() if key != missing} for missing in MARKER),
    ],
    ids=lambda content: str(content)[:30] or "empty",
)
def test_a_broken_marker_is_no_marker(home, content):
    target = places.place("cpu")
    target.python.parent.mkdir(parents=True, mode=0o700)
    home.chmod(0o700)
    target.python.write_text("")
    marker = target.folder / places.READY
    marker.write_text(json.dumps(MARKER))
    assert environment.find().python == target.python
    marker.write_text(content if isinstance(content, str) else json.dumps(content))
    assert "half made" in environment.find().reason or "another version" in environment.find().reason


def test_a_python_with_a_broken_marker_is_made_anew(home, fake):
    make()
    (places.place("cpu").folder / places.READY).write_text('{"time": "now"}')
    make()
    assert environment.find().python


def test_a_python_whose_base_has_gone_is_made_anew(home, fake):
    make()
    python = environment.find().python
    python.unlink()
    python.symlink_to("/gone/python3.9")
    assert "repair" in environment.find().reason
    make()
    assert environment.find().python


def test_a_python_of_another_version_is_told(home, fake, tmp_path):
    make()
    (tmp_path / "lock.txt").write_text("torch==2.14.0\n")
    assert "another version" in environment.find().reason


def test_what_an_interrupted_deletion_left_is_deleted(home, fake):
    left = home / "deleted-1-2"
    left.mkdir(parents=True)
    (left / places.READY).write_text('{"time": 1}')
    make()
    assert pythons(home) == ["python-cpu"]


def test_a_real_environment_without_packages(tmp_path, monkeypatch, home):
    """No script here: a real base, a real venv, pip in it. Only the check of the packages is left out."""
    (tmp_path / "lock.txt").write_text("# no packages: no network\n")
    plugin = tmp_path / "plugin"
    (plugin / "backend").mkdir(parents=True)
    (plugin / "backend" / "about.py").write_text(f"print({json.dumps(ABOUT)!r})")
    monkeypatch.setattr(child, "PLUGIN_ROOT", plugin)
    make()
    python = environment.find().python
    prefix = subprocess.run([str(python), "-c", "import sys; print(sys.prefix)"], stdout=subprocess.PIPE, text=True)
    assert Path(prefix.stdout.strip()) == python.parent.parent
    assert environment.check(python) == ABOUT
    assert "-m pip --version" in environment.log_path().read_text(encoding="utf-8")
