"""Making, repairing and deleting the backend's Python: with a scripted interpreter, and once really."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import pytest
from mixel.plugin import environment
from mixel.plugin.environment import Cancelled, InstallError, base, child, making, places, removing, turn
from mixel.plugin.environment.__main__ import main

ROOT = child.PLUGIN_ROOT
ABOUT = {"python": "3.12.0", "packages": {"torch": "2.13.0+cpu"}, "devices": ["cpu"]}

# Plays both the base interpreter and the new one. What it does is told by the environment variable FAKE.
FAKE = f"""#!{sys.executable}
import json, os, shutil, sys, time
from pathlib import Path
told, step = os.environ.get("FAKE", ""), " ".join(sys.argv[1:])
with open(os.environ["FAKE_CALLS"], "a") as calls:
    calls.write(step + "\\n")
if "-m venv" in step:
    if told == "no venv":
        sys.exit("Error: ensurepip is not available.")
    target = Path(sys.argv[-1], "bin", "python")
    target.parent.mkdir(parents=True)
    shutil.copy(sys.argv[0], target)
elif "pip --version" in step:
    print("pip 25.1 from /somewhere (python 3.12)")
elif "pip install" in step:
    torch = "torch==" in step
    print("Collecting torch==2.13.0" if torch else "Collecting numpy==2", flush=True)
    if told == "hang":
        Path(os.environ["FAKE_CALLS"] + ".pid").write_text(str(os.getpid()))
        time.sleep(60)
    if told in ("torch " * torch + "rest " * (not torch)).split():
        print(os.environ["FAKE_OUTPUT"])
        sys.exit(1)
    print("Installing collected packages: a, b\\nSuccessfully installed a b")
    Path(os.environ["TMPDIR"], "left over").write_text("")
elif "backend.about" in step:
    if told == "broken":
        sys.exit("The package numba does not work in this Python (DLL).")
    print("a library says hello", file=sys.stderr)
    print({json.dumps(ABOUT)!r})
else:
    print("[3, 12, true, true]")
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty folder for Mixel, with a name that is hard on programs; and a lock file with two packages."""
    folder = tmp_path / "Données de Jürgen 山"
    monkeypatch.setenv("MIXEL_HOME", str(folder))
    lock = tmp_path / "lock.txt"
    lock.write_text("torch==2.13.0\nnumpy==2\n")
    monkeypatch.setattr(places, "lock_file", lambda build: lock)
    monkeypatch.setattr(places, "_fitting_build", lambda: ("cpu", "No NVIDIA driver was found."))
    monkeypatch.setattr(making, "ROOM", {"cpu": 1, "cuda": 1})
    return folder


@pytest.fixture
def fake(home, tmp_path, monkeypatch):
    """A function that tells the scripted interpreter how to behave; its ``calls()`` are what it was asked."""
    program = tmp_path / "base python"
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setattr(making, "base_interpreter", lambda: program)
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls"))

    def behave(how: str = "", output: str = "") -> None:
        monkeypatch.setenv("FAKE", how)
        monkeypatch.setenv("FAKE_OUTPUT", output)

    behave.calls = lambda: (tmp_path / "calls").read_text().splitlines() if (tmp_path / "calls").exists() else []
    behave.pid = tmp_path / "calls.pid"
    return behave


def make(cancelled=lambda: False, **more):
    return list(environment.create(cancelled, **more))


def pythons(home: Path):
    """The folders of Pythons, once what goes in the background has gone."""
    deadline = time.monotonic() + 5
    while list(home.glob("deleted-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [path.name.rsplit("-", 1)[0] for path in places.folders()]


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


def test_torch_comes_first_and_alone_then_the_rest_then_the_check(home, fake):
    make()
    steps = [call for call in fake.calls() if "pip install" in call or "about" in call]
    assert "torch==2.13.0" in steps[0]
    assert "--no-deps" in steps[0]
    assert "--requirement" in steps[1]
    assert "--progress-bar raw" in steps[1]
    assert steps[2] == "-m backend.about"


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


@pytest.mark.parametrize(
    ("how", "output", "told"),
    [
        ("no venv", "", "python3-venv"),
        ("torch", "Temporary failure in name resolution", "check the network"),
        ("torch", "ERROR: No matching distribution found for torch==2.13.0+cpu", "does not exist for this system"),
        ("rest", "OSError: [Errno 28] No space left on device", "disk is full"),
        ("rest", "407 Proxy Authentication Required", "proxy"),
        ("broken", "", "The package numba does not work in this Python (DLL). Repair it"),
    ],
)
def test_a_failed_creation_is_one_sentence_and_leaves_nothing(home, fake, how, output, told):
    fake(how, output)
    with pytest.raises(InstallError) as error:
        make()
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert pythons(home) == []
    assert environment.find().python is None
    assert output in environment.log_path().read_text()
    fake()
    make()
    assert environment.find().python


def test_a_failed_repair_does_not_leave_the_old_one_half_deleted(home, fake):
    make()
    fake("torch", "getaddrinfo failed")
    with pytest.raises(InstallError):
        list(environment.repair(lambda: False))
    assert pythons(home) == []


def test_cancel_takes_less_than_two_seconds_and_leaves_nothing(home, fake):
    fake("hang")
    pressed = []

    def cancelled() -> bool:
        if not pressed and fake.pid.exists() and fake.pid.read_text():
            pressed.append(time.monotonic())
        return bool(pressed)

    with pytest.raises(Cancelled):
        make(cancelled)
    assert time.monotonic() - pressed[0] < 2
    with pytest.raises(ProcessLookupError):
        os.kill(int(fake.pid.read_text()), 0)
    assert pythons(home) == []


def test_an_iterator_that_is_left_early_leaves_nothing_and_lets_the_next_in(home, fake):
    steps = environment.create(lambda: False)
    for _, message in steps:
        if "torch" in message:
            break
    steps.close()
    assert pythons(home) == []
    make()
    assert environment.find().python


def test_a_silent_step_says_how_long_it_takes(home, fake, monkeypatch):
    fake("hang")
    clock = time.monotonic
    monkeypatch.setattr(making.time, "monotonic", lambda: clock() * 20)
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


@pytest.mark.parametrize("content", ["", "[]", "{broken"])
def test_a_broken_marker_is_no_marker(home, fake, content):
    make()
    (places.place("cpu").folder / places.READY).write_text(content)
    assert environment.find().python is None
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


def test_a_full_disk_is_told_before_anything_starts(home, fake, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 1.0e8))
    monkeypatch.setattr(making, "ROOM", {"cpu": 2e9})
    with pytest.raises(InstallError, match=r"needs 2.0 GB and .* has 0.1 GB left: make room"):
        make()
    assert fake.calls() == []


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
@pytest.mark.parametrize("answer", ["glibc 2.17", None])
def test_an_old_system_is_told_before_anything_starts(home, fake, monkeypatch, answer):
    monkeypatch.setattr(os, "confstr", lambda name: answer)
    with pytest.raises(InstallError, match="use a newer Linux"):
        make()
    assert fake.calls() == []


def test_an_old_macos_is_told_before_anything_starts(home, fake, monkeypatch):
    monkeypatch.setattr(making.platform, "mac_ver", lambda: ("13.6.1", ("", "", ""), "arm64"))
    with pytest.raises(InstallError, match=r"macOS 14 or newer, and this is macOS 13\.6\.1"):
        make()
    assert fake.calls() == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path, monkeypatch, home):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIXEL_HOME", str(tmp_path / "file" / "mixel"))
    for action in (make, environment.delete):
        with pytest.raises(InstallError, match="set MIXEL_HOME to a folder of your own"):
            action()


def test_a_folder_that_cannot_be_locked_is_one_sentence(home, monkeypatch):
    def refuse(file):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(turn, "_lock", refuse)
    with pytest.raises(InstallError, match="folder on a local disk"):
        make()


def test_a_folder_in_use_is_one_sentence(home, fake, monkeypatch):
    make()

    def refuse(source, target):
        raise PermissionError(13, "in use")

    monkeypatch.setattr(removing.os, "rename", refuse)
    with pytest.raises(InstallError, match="end Mixel's runs"):
        environment.delete()
    assert environment.find().python


def test_a_disk_that_fills_up_while_the_log_is_written_is_one_sentence(home, fake, monkeypatch):
    def refuse(target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making, "_mark", refuse)
    with pytest.raises(InstallError, match="disk is full"):
        make()
    assert pythons(home) == []


HOLD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from plugin.environment.turn import Turn
turn = Turn()
print(turn.take(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(home):
    """Another process that has the turn."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(ROOT)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "True\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_qgis_waits_and_says_so_until_the_first_is_killed(home, fake, other):
    said = []
    for _, message in environment.create(lambda: False):
        said.append(message)
        if "waiting" in message:
            other.send_signal(signal.SIGKILL)
    assert f"process {other.pid}" in " ".join(said)
    assert environment.find().python


def test_a_second_qgis_can_be_cancelled_while_it_waits(home, fake, other):
    with pytest.raises(Cancelled):
        make(lambda: True)
    assert fake.calls() == []


def test_nothing_is_deleted_while_another_qgis_is_at_work(home, other):
    with pytest.raises(InstallError, match=f"process {other.pid}"):
        environment.delete()


def test_a_child_that_outlives_its_killed_parent_keeps_the_turn(home):
    script = HOLD.replace(
        "time.sleep(60)",
        "import subprocess, os\n"
        "child = subprocess.Popen(['sleep', '60'], pass_fds=turn.inherited, stdout=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\nos.kill(os.getpid(), 9)",
    )
    done = subprocess.run([sys.executable, "-c", script, str(ROOT)], stdout=subprocess.PIPE, text=True)
    survivor = int(done.stdout.split()[1])
    with turn.Turn() as mine:
        assert not mine.take()
        os.kill(survivor, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while not mine.take():
            assert time.monotonic() < deadline


def test_a_chosen_python_is_used_or_refused_and_nothing_else_tried(home, fake):
    make()
    assert environment.find(sys.executable).python == Path(sys.executable)
    assert "choose another" in environment.find("/no/python").reason


@pytest.mark.parametrize(("python", "told"), [("/no/python", "cannot be started"), ("broken", "numba")])
def test_a_chosen_python_that_will_not_do_is_one_sentence(home, fake, tmp_path, python, told):
    fake("broken")
    with pytest.raises(InstallError, match=told):
        environment.check(tmp_path / "base python" if python == "broken" else python)


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
