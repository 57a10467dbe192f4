"""A Python of the user's choice, the diagnosis, and the command line of the backend's environment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mixel.plugin import environment
from mixel.plugin.environment import InstallError, base, child, places
from mixel.plugin.environment.__main__ import main
from scripted_python import ABOUT, make, pythons

ROOT = child.PLUGIN_ROOT


def test_a_chosen_python_is_used_or_refused_and_nothing_else_tried(home, fake):
    make()
    assert environment.find(sys.executable).python == Path(sys.executable)
    assert "choose another" in environment.find("/no/python").reason


@pytest.mark.parametrize(("python", "told"), [("/no/python", "cannot be started"), ("broken", "numba")])
def test_a_chosen_python_that_will_not_do_is_one_sentence(home, fake, tmp_path, python, told):
    fake("broken")
    with pytest.raises(InstallError, match=told):
        environment.check(tmp_path / "base python" if python == "broken" else python)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"python": 3}, {"python": None}, {"packages": []}, {"packages": {"torch": 2}}, {"devices": "cpu"}),
        *({"devices": [1]}, {"devices": None}, {"notes": "slow"}, {"notes": [1]}),
    ],
    ids=str,
)
def test_an_answer_of_wrong_types_will_not_do(tmp_path, wrong):
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{json.dumps({**ABOUT, **wrong})}'\n")
    program.chmod(0o755)
    with pytest.raises(InstallError, match="cannot run with this Python"):
        environment.check(program)


def test_a_python_that_answers_nonsense_will_not_do(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho hello\n")
    program.chmod(0o755)
    with pytest.raises(InstallError, match="exit code 0"):
        environment.check(program)


def test_the_diagnosis_says_what_there_is_without_home_paths(home, fake, monkeypatch):
    monkeypatch.setenv("HOME", str(home.parent))
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@mirror.example/simple")
    make()
    with environment.log_path().open("a", encoding="utf-8") as log:
        log.write("Looking in indexes: https://user:secret@mirror.example/simple\n")
    text = environment.diagnosis()
    assert str(home.parent) not in text
    assert "~/" in text
    assert "secret" not in text
    assert "Packages come from PyPI and https://***@extra.example/simple (so pip's settings say)\n" in text
    for told in ("python-cpu", "finished", "torch 2.13.0+cpu", "PIP_INDEX_URL", "mirror.example", "Lock file"):
        assert told in text


def test_the_diagnosis_works_when_nothing_does(home, monkeypatch):
    def refuse(*arguments):
        raise InstallError("There is no lock file.")

    monkeypatch.setattr(places, "lock_file", refuse)
    monkeypatch.setattr(base, "candidates", lambda: iter([]))
    text = environment.diagnosis("/no/python")
    assert "none. The chosen Python" in text


def test_homes_are_hidden_in_every_form(monkeypatch, tmp_path):
    from mixel.plugin.environment.diagnosis import private

    monkeypatch.setattr(Path, "home", lambda: "C:\\Users\\Jürgen")
    assert private("C:\\Users\\Jürgen\\x C:\\\\Users\\\\Jürgen\\\\x C:/Users/Jürgen/x") == "~\\x ~\\\\x ~/x"
    assert private("C:/Users/Jürgensen/x") == "C:/Users/Jürgensen/x"
    assert private("https://name:pass@host/x") == "https://***@host/x"
    assert private("https://name:p@ss@host/x of https://a.b/c@d") == "https://***@host/x of https://a.b/c@d"


def test_the_command_line_makes_finds_checks_and_deletes(home, fake, capsys):
    assert main(["find"]) == 1
    assert "make it" in capsys.readouterr().err
    assert main(["create"]) == 0
    assert "100%" in capsys.readouterr().out
    assert main(["find"]) == 0
    assert capsys.readouterr().out.strip() == str(environment.find().python)
    assert main(["check"]) == 0
    assert "torch 2.13.0+cpu" in capsys.readouterr().out
    assert main(["diagnosis"]) == 0
    assert main(["repair", "--accelerator", "cpu"]) == 0
    assert main(["delete"]) == 0
    assert main(["check"]) == 1


def test_the_command_line_says_what_failed(home, fake, capsys):
    fake("rest", "CERTIFICATE_VERIFY_FAILED")
    assert main(["create"]) == 1
    assert "PIP_CERT" in capsys.readouterr().err


def test_the_command_line_can_be_interrupted(home, fake):
    fake("hang")
    command = [sys.executable, "-m", "plugin.environment", "find"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 1

    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(interrupt)
    assert pythons(home) == []
