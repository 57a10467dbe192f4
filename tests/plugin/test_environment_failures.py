"""What goes wrong while the backend's Python is made, and a second QGIS at the same work: a sentence, nothing left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import pytest
from mixel.plugin import environment
from mixel.plugin.environment import Cancelled, InstallError, child, making, removing, turn
from scripted_python import make, pythons

ROOT = child.PLUGIN_ROOT


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
