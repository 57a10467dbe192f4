"""Runs that end before they are done: by an error, a signal, a kill, the death of the parent."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest
from children import finished, start, until
from mixel.backend import __main__ as program
from mixel.backend import memory, watchdog
from mixel.backend.protocol import OWNER, PARTIAL, TEMPORARY, Failed, Notice, Started, decode
from mixel.backend.tasks import running
from runs import FILES, job, listing, quick
from scenes import write

pytestmark = pytest.mark.usefixtures("compiled")

# How the program fails: one failed event, the last, with a sentence.


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([], "must hold one JSON object"),
        ({"scene": 3}, "needs the field 'scene'"),
        ({"scene": "s.tif", "output": "o", "shell": "rm"}, "unknown field 'shell'"),
    ],
)
def test_a_hostile_job_file_gives_one_failed_event(backend, content, words):
    found = backend(content)
    assert words in found.failure and [type(event) for event in found.events] == [Failed]
    assert found.events[-1].details == "" and "Traceback" in found.stderr


def test_a_job_file_that_is_not_there_gives_one_failed_event(tmp_path):
    assert "missing.json cannot be read" in finished(start(tmp_path / "missing.json")).failure


def test_a_scene_whose_name_is_no_text_gives_one_failed_event(backend, tmp_path):
    found = backend({"scene": str(tmp_path / "\udcfc.tif"), "output": str(tmp_path / "out")})
    assert "\udcfc.tif cannot be opened as a raster" in found.failure
    assert isinstance(found.events[0], Started) and len(found.of(Started)) == 1
    assert listing(tmp_path / "out") == []


def test_a_full_disk_gives_one_failed_event_and_leaves_nothing(backend, write_scene, tmp_path):
    limit = 50_000
    backend({"scene": write_scene(), "output": str(tmp_path / "first")})  # its kernels are compiled and kept now
    found = backend(
        {"scene": write_scene(), "output": str(tmp_path / "out")},
        prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert "The results cannot be written to" in found.failure and "Is the disk full?" in found.failure
    assert listing(tmp_path / "out") == []


@pytest.mark.parametrize("most", range(7, 12))
def test_a_run_that_may_open_hardly_any_file_gives_one_failed_event_and_leaves_nothing(
    backend, write_scene, tmp_path, most
):
    found = backend(
        {"scene": write_scene(), "output": str(tmp_path / "out")},
        prepare=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
    )
    assert found.failure and "is not whole" not in found.failure
    assert listing(tmp_path / "out") == []


@pytest.mark.parametrize("megabytes", [425, 470])
def test_too_little_memory_for_the_libraries_is_a_sentence_and_no_endless_loop(
    backend, write_scene, tmp_path, megabytes
):
    """OpenBLAS, while it loads, asks again and again for what it does not get."""
    limit = megabytes * 10**6
    found = backend(
        {"scene": write_scene(), "output": str(tmp_path / "out")},
        prepare=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert "The memory did not suffice" in found.failure
    assert listing(tmp_path / "out") == []


@pytest.fixture
def inside(monkeypatch, tmp_path, capfd):
    """Runs the program in this process with a task that does what it is told; gives exit code and events."""

    def run(task):
        wire = (tmp_path / "wire").open("w+", encoding="utf-8", errors="backslashreplace")
        monkeypatch.setattr(program, "_protect_stdout", lambda: wire)
        monkeypatch.setattr(program.signal, "signal", lambda *arguments: None)
        monkeypatch.setattr(running, "run", task)
        job("scene.tif", "out").write(tmp_path / "job.json")
        code = program.main([str(tmp_path / "job.json")])
        wire.seek(0)
        return code, [decode(line) for line in wire.read().splitlines()]

    return run


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("The scene is upside down."), "The scene is upside down."),
        (MemoryError(), "The memory did not suffice. Close other programs"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "The memory did not suffice"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "The memory did"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "The memory did not suffice"),
        (caused(OSError("Could not load 'libllvmlite.so'"), OSError("cannot allocate memory")), "The memory did not"),
        (ImportError("h5s.so: cannot open shared object file: Too many open files"), "Too many files are open"),
        (RuntimeError("can't start new thread"), "The memory did not suffice"),
        (OSError("Could not find/load shared object file 'libllvmlite.so'"), "does not know (OSError: Could not"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (KeyError("x\udcfc\n"), "met an error it does not know (KeyError: "),
        (ImportError("No module named 'torch'"), "(No module named 'torch'). Repair it on the Python page"),
        (RecursionError(), "met an error it does not know (RecursionError"),
    ],
)
def test_whatever_goes_wrong_is_one_failed_event_with_a_sentence(inside, capfd, error, words):
    def task(request, emit):
        raise error

    code, (failed,) = inside(task)
    assert code == 1 and isinstance(failed, Failed)
    assert words in failed.message
    log = capfd.readouterr().err
    if isinstance(error, ValueError):
        assert failed.details == "" and "Traceback" in log
    else:
        assert type(error).__name__ in failed.details and "Traceback" in failed.details
    if "The log has the details." in failed.message:
        assert "Traceback" in log


def test_a_library_that_does_not_say_why_it_cannot_be_loaded_lacks_memory_where_there_is_none(inside, monkeypatch):
    def task(request, emit):
        raise OSError("Could not find/load shared object file 'libllvmlite.so'")

    def full(*arguments):
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr(memory.mmap, "mmap", full)
    assert "The memory did not suffice" in inside(task)[1][0].message


def test_a_run_that_succeeds_ends_in_done_with_its_metrics(inside):
    code, (notice, done) = inside(lambda request, emit: emit(Notice(request.scene)) or {"rmse": 0.5})
    assert (code, notice, done.metrics) == (0, Notice("scene.tif"), {"rmse": 0.5})


# Ends from outside: a signal, a kill, the death of the parent.


@pytest.fixture(scope="module")
def under_way(tmp_path_factory):
    """Three runs that would take long, each in the midst of its training: terminated, killed, orphaned."""
    folder = tmp_path_factory.mktemp("ends")
    scene = write(folder / "scene.tif")
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    runs = {}
    for name in ("terminated", "killed", "orphaned"):
        quick(scene, folder / name, epochs=20000).write(folder / f"{name}.json")
        runs[name] = start(folder / f"{name}.json", *(["--parent", parent.pid] if name == "orphaned" else []))
    for process in runs.values():
        while '"metric"' not in process.stdout.readline().decode():
            assert process.poll() is None, process.stderr.read().decode()
    yield folder, runs, parent
    for process in (*runs.values(), parent):
        process.kill()
        process.wait()


def gone_within_two_seconds(process, act):
    """Act, and wait for the process; twice the promise, for a busy machine."""
    began = time.monotonic()
    act()
    return until(lambda: process.poll() is not None, 4) and time.monotonic() - began < 4


def test_a_run_that_is_terminated_ends_and_leaves_nothing(under_way):
    folder, runs, _ = under_way
    assert listing(folder / "terminated" / PARTIAL) == [OWNER, TEMPORARY]
    assert gone_within_two_seconds(runs["terminated"], runs["terminated"].terminate)
    assert runs["terminated"].returncode == 128 + signal.SIGTERM
    assert listing(folder / "terminated") == []


def test_a_run_that_is_killed_leaves_nothing_and_its_last_word_is_said_for_it(under_way):
    folder, runs, _ = under_way
    assert gone_within_two_seconds(runs["killed"], runs["killed"].kill)
    last = decode(finished(runs["killed"]).lines[-1])
    assert isinstance(last, Failed) and last.message == watchdog.SILENT_END and len(last.message) <= 300
    assert listing(folder / "killed") == []
    running.run(quick(folder / "scene.tif", folder / "killed"), lambda event: None)
    assert listing(folder / "killed") == sorted(FILES)


def test_a_run_into_the_folder_of_a_live_run_is_refused_and_disturbs_nothing(under_way):
    folder, runs, _ = under_way
    with pytest.raises(ValueError, match="Another Mixel run is writing to"):
        running.run(quick(folder / "scene.tif", folder / "orphaned"), lambda event: None)
    assert listing(folder / "orphaned") == [PARTIAL]
    assert listing(folder / "orphaned" / PARTIAL) == [OWNER, TEMPORARY] and runs["orphaned"].poll() is None


def test_a_run_whose_parent_dies_ends_and_leaves_nothing(under_way):
    folder, runs, parent = under_way
    assert gone_within_two_seconds(runs["orphaned"], parent.kill), "the parent is a zombie now, as a crash leaves it"
    assert runs["orphaned"].returncode in (1, -signal.SIGKILL)
    assert until(lambda: listing(folder / "orphaned") == [], 2)


def test_a_run_whose_parent_is_long_gone_ends_before_it_starts(tmp_path, write_scene):
    past = subprocess.Popen(["true"])
    past.wait()
    quick(write_scene(), tmp_path / "out", epochs=20000).write(tmp_path / "job.json")
    process = start(tmp_path / "job.json", "--parent", past.pid)
    assert finished(process).code in (1, -signal.SIGKILL)
    assert listing(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("owner", "left"), [(os.getpid(), False), (os.getpid() + 1, True), ("", True)], ids=["own", "foreign", "unsigned"]
)
def test_a_run_that_ends_with_its_parent_clears_its_own_files_and_no_others(tmp_path, monkeypatch, owner, left):
    past = subprocess.Popen(["true"])
    past.wait()
    (tmp_path / PARTIAL).mkdir()
    (tmp_path / PARTIAL / OWNER).write_text(f"{owner} 1.0" if owner else "")
    ended = []
    monkeypatch.setattr(program.os, "_exit", ended.append)
    monkeypatch.setattr(program, "MOVING", threading.Lock())  # it is held until the end of the process
    program._end_with(past.pid, tmp_path)
    assert ended == [1] and (tmp_path / PARTIAL).exists() == left


def test_a_second_signal_does_not_interrupt_the_tidying_up_after_the_first():
    before = signal.signal(signal.SIGTERM, program._terminated)
    tidied = False
    try:
        with pytest.raises(SystemExit) as ended:
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                tidied = True
    finally:
        signal.signal(signal.SIGTERM, before)
    assert tidied and ended.value.code == 128 + signal.SIGTERM
