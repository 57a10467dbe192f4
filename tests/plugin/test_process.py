"""Running the backend as a child: small scripted backends that behave, die, hang, babble or refuse to go."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mixel.backend.protocol import LOG_FILE, OWNER, PARTIAL, Done, Failed, Job, Metric, Notice, Progress
from mixel.plugin import process
from mixel.plugin.environment import child
from mixel.plugin.process import Cancelled, run

PRELUDE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
job = json.loads(Path(sys.argv[1]).read_text())
partial = Path(job["output"]) / ".mixel-partial"
partial.mkdir(exist_ok=True)
(partial / "half.tif").write_text("half")
Path(job["output"], "pid").write_text(str(os.getpid()))
def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)
"""


def never() -> bool:
    return False


@pytest.fixture
def backend(tmp_path, monkeypatch):
    """A function that puts a script in the backend's place and gives the path of a job file for it."""

    def make(script: str, output: str = "out put ü") -> Path:
        folder = tmp_path / "plugin"
        (folder / "backend").mkdir(parents=True, exist_ok=True)
        (folder / "backend" / "__main__.py").write_text(PRELUDE + script, encoding="utf-8")
        monkeypatch.setattr(child, "PLUGIN_ROOT", folder)
        target = tmp_path / output
        target.mkdir(exist_ok=True)
        Job(task="unmix", method="unmamba", scene="scene.tif", output=str(target)).write(target / "job.json")
        return target / "job.json"

    return make


def outcome(job: Path, python: str = sys.executable):
    """The last event of a run."""
    return list(run(python, job, never))[-1]


def gone(pid: int, seconds: float = 2.0) -> bool:
    """Whether a process ends within some seconds; one that only waits to be reaped has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def wait_for(path: Path) -> str:
    """The content of a file that a backend is about to write."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if path.exists() and path.read_text():
            return path.read_text()
        time.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_events_come_in_order_and_the_process_has_ended_at_the_last(backend):
    job = backend("""
say("progress", fraction=0.5, message="half", seconds_left=3)
say("metric", name="loss", value=0.1, step=2, unit="")
say("done", seconds=1.5, metrics={"rmse": 0.01})
time.sleep(0.3)
""")
    events = []
    for event in run(sys.executable, job, never):
        events.append(event)
        if isinstance(event, Done):
            assert gone(int((job.parent / "pid").read_text()), 0.05)
    assert events == [Progress(0.5, "half", 3), Metric("loss", 0.1, 2, ""), Done(1.5, {"rmse": 0.01})]


def test_the_command_line_names_the_job_and_the_parent_and_there_is_no_input(backend, monkeypatch):
    job = backend("""
say("notice", message=json.dumps([sys.argv[1:], os.getcwd(), sys.stdin.read(), os.getsid(0) == os.getpid()]))
say("done", seconds=0)
""")
    monkeypatch.chdir(job.parent)
    notice = next(iter(list(run(sys.executable, "job.json", never))))
    arguments, folder, told, leader = json.loads(notice.message)
    assert arguments == [str(job), "--parent", str(os.getpid())]
    assert (folder, told, leader) == (str(child.PLUGIN_ROOT), "", True)


def test_the_environment_is_cleaned(backend, monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "/nonsense")
    monkeypatch.setenv("PROJ_LIB", "/qgis/proj")
    job = backend('say("notice", message=json.dumps(dict(os.environ)))\nsay("done", seconds=0)')
    environment = json.loads(next(iter(run(sys.executable, job, never))).message)
    assert "PYTHONHOME" not in environment
    assert "PROJ_LIB" not in environment
    assert environment["PYTHONNOUSERSITE"] == environment["PYTHONUTF8"] == "1"


def test_what_is_no_event_goes_into_the_log_with_standard_error(backend):
    job = backend("""
print("warning of a library", file=sys.stderr, flush=True)
print("a stray print", flush=True)
sys.stdout.buffer.write(b"\\xff\\xfe broken\\n{\\"event\\": \\"unknown\\"}\\n\\n[1]\\n"); sys.stdout.flush()
say("done", seconds=0)
""")
    assert [type(event) for event in run(sys.executable, job, never)] == [Done]
    log = (job.parent / LOG_FILE).read_bytes()
    for told in (b"warning of a library", b"a stray print", b"\xff\xfe broken", b"unknown", b"[1]"):
        assert told in log


def test_many_events_all_arrive(backend):
    job = backend("""
for step in range(5000): print(json.dumps({"event": "metric", "name": "loss", "value": 1, "step": step, "unit": ""}))
say("done", seconds=0)
""")
    steps = [event.step for event in run(sys.executable, job, never) if isinstance(event, Metric)]
    assert steps == list(range(5000))


def test_events_after_the_last_are_not_shown(backend):
    job = backend('say("failed", message="No.", details="why")\nsay("done", seconds=0)\nsys.exit(1)')
    assert list(run(sys.executable, job, never)) == [Failed("No.", "why")]


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("sys.exit(3)", "exit code 3"),
        ("sys.exit(0)", "ended without a result"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "memory ran out"),
        ("sys.exit(137)", "memory ran out"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("os.abort()", "SIGABRT"),
        ("sys.exit(143)", "SIGTERM"),
        ("import torch_that_is_not_there", "lacks the package torch_that_is_not_there: repair"),
        ("raise RuntimeError('broken')", "exit code 1"),
    ],
)
def test_a_death_without_a_word_becomes_a_failed_with_the_log(backend, script, told):
    job = backend(f'say("progress", fraction=0.1, message="")\nsys.stderr.write("last words\\n")\n{script}')
    failed = outcome(job)
    assert isinstance(failed, Failed)
    assert told in failed.message
    assert "last words" in failed.details
    assert not (job.parent / PARTIAL).exists()


def test_windows_codes_are_shown_as_everybody_knows_them():
    assert "0xC0000005" in process._crash(3221225477, "").message
    assert process._crash(5, "").details == "The log is empty."


def test_the_details_are_the_end_of_this_run_only(backend):
    job = backend('sys.stderr.write("x" * 9000 + "END")\nsys.exit(4)')
    (job.parent / LOG_FILE).write_text("an earlier run\n")
    details = outcome(job).details
    assert details.endswith("END")
    assert len(details) == process.LOG_END
    assert (job.parent / LOG_FILE).read_text().startswith("an earlier run")
    assert "earlier" not in outcome(backend("sys.exit(4)")).details


def test_a_failed_of_the_backend_leaves_the_unfinished_files_alone(backend):
    """They may be those of another run, because of which this one was refused."""
    job = backend('say("failed", message="Another run is under way in this folder.", details="")\nsys.exit(1)')
    assert outcome(job).message.startswith("Another run")
    assert (job.parent / PARTIAL / "half.tif").exists()


HANG = {
    "polite": 'say("notice", message="on")\ntime.sleep(60)',
    "deaf": 'signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay("notice", message="on")\ntime.sleep(60)',
    "silent": "time.sleep(60)",
    "busy": 'say("notice", message="on")\nwhile True: say("progress", fraction=0.5, message="")',
}


@pytest.mark.parametrize("how", HANG)
def test_cancel_ends_everything_within_two_seconds(backend, how):
    job = backend(HANG[how])
    pressed = []

    def cancelled() -> bool:
        if not pressed and (job.parent / "pid").exists() and (job.parent / "pid").read_text():
            time.sleep(0.3)
            pressed.append(time.monotonic())
        return bool(pressed)

    with pytest.raises(Cancelled):
        list(run(sys.executable, job, cancelled))
    assert time.monotonic() - pressed[0] < 2
    assert gone(int((job.parent / "pid").read_text()), 0.1)
    assert not (job.parent / PARTIAL).exists()


def test_cancel_ends_the_backends_own_children_too(backend):
    job = backend("""
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path(job["output"], "child").write_text(str(child.pid))
time.sleep(60)
""")
    with pytest.raises(Cancelled):
        list(run(sys.executable, job, lambda: (job.parent / "child").exists()))
    assert gone(int(wait_for(job.parent / "child")))


def ended() -> int:
    """The number of a process that is gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("owner", "left"),
    [
        (lambda: f"{os.getpid()} 1.00", True),
        (lambda: f"{ended()} 1.00", False),
        (lambda: "0 1.00", False),
        (lambda: f"{10**30} 1.00", False),
        (lambda: "nonsense", False),
        (lambda: "", False),
    ],
    ids=["alive", "gone", "zero", "too large", "nonsense", "empty"],
)
def test_cancel_leaves_the_unfinished_files_of_another_run_alone(backend, owner, left):
    job = backend("time.sleep(60)")
    wanted = job.parent / PARTIAL

    def cancelled() -> bool:
        if not (job.parent / "pid").exists():
            return False
        (wanted / OWNER).write_text(owner())
        return True

    with pytest.raises(Cancelled):
        list(run(sys.executable, job, cancelled))
    assert (wanted / "half.tif").exists() == left


@pytest.mark.parametrize("who", ["os.getpid()", "subprocess.Popen(['sleep', '60']).pid"])
def test_unfinished_files_that_the_child_has_signed_are_removed(backend, who):
    job = backend(f'(partial / "{OWNER}").write_text(f"{{{who}}} 1.00")\n{HANG["polite"]}')
    events = run(sys.executable, job, never)
    assert next(events) == Notice("on")
    events.close()
    assert not (job.parent / PARTIAL).exists()


def test_on_windows_no_process_is_probed(monkeypatch, tmp_path):
    (tmp_path / OWNER).write_text(f"{os.getpid()} 1.00")
    assert process._is_of_another_run(tmp_path, 1)
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "getpgid", None)
    assert not process._is_of_another_run(tmp_path, 1)


def test_cancel_before_the_first_event(backend):
    with pytest.raises(Cancelled):
        list(run(sys.executable, backend("time.sleep(60)"), lambda: True))


@pytest.mark.parametrize("how", ["close", "error"])
def test_an_iterator_that_is_left_early_ends_the_backend(backend, how):
    job = backend(HANG["polite"])
    events = run(sys.executable, job, never)
    assert next(events) == Notice("on")
    pid = int((job.parent / "pid").read_text())
    if how == "close":
        events.close()
    else:
        with pytest.raises(RuntimeError):
            events.throw(RuntimeError("the dock was deleted"))
    assert gone(pid, 0.1)
    assert not (job.parent / PARTIAL).exists()


def test_a_cancel_button_that_is_gone_ends_the_backend(backend):
    job = backend(HANG["polite"])

    def deleted() -> bool:
        wait_for(job.parent / "pid")
        raise RuntimeError("wrapped C/C++ object has been deleted")

    with pytest.raises(RuntimeError, match="deleted"):
        list(run(sys.executable, job, deleted))
    assert gone(int((job.parent / "pid").read_text()), 0.1)


def test_a_backend_that_lives_on_after_done_is_ended(backend, monkeypatch):
    monkeypatch.setattr(process, "LAST_WORDS", 0.2)
    job = backend('say("done", seconds=1)\ntime.sleep(60)')
    started = time.monotonic()
    assert outcome(job) == Done(1)
    assert time.monotonic() - started < 5
    assert gone(int((job.parent / "pid").read_text()), 0.1)


def test_a_grandchild_that_holds_the_pipe_does_not_hold_the_run(backend, monkeypatch):
    monkeypatch.setattr(child, "ORPHANS", 0.3)
    job = backend("""
orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
Path(job["output"], "orphan").write_text(str(orphan.pid))
os._exit(9)
""")
    started = time.monotonic()
    assert "exit code 9" in outcome(job).message
    assert time.monotonic() - started < 10
    os.kill(int(wait_for(job.parent / "orphan")), signal.SIGKILL)


def test_a_backend_that_closes_its_output_and_hangs_is_ended(backend, monkeypatch):
    monkeypatch.setattr(process, "ORPHANS", 0.2)
    job = backend("os.close(1)\ntime.sleep(60)")
    assert isinstance(outcome(job), Failed)
    assert gone(int((job.parent / "pid").read_text()), 0.1)


@pytest.mark.parametrize("kind", ["missing", "folder", "not executable"])
def test_an_interpreter_that_has_gone_is_one_sentence(backend, tmp_path, kind):
    job = backend("")
    python = tmp_path / "python"
    if kind == "folder":
        python.mkdir()
    elif kind == "not executable":
        python.write_text("no program")
    (failed,) = run(python, job, never)
    assert isinstance(failed, Failed)
    assert "cannot be started" in failed.message
    assert "repair" in failed.message
    assert str(python) in failed.details


def test_a_broken_job_file_is_one_sentence(tmp_path):
    (tmp_path / "job.json").write_text("{")
    (failed,) = run(sys.executable, tmp_path / "job.json", never)
    assert "cannot be read" in failed.message


def test_an_output_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    Job(task="unmix", method="unmamba", scene="s.tif", output=str(tmp_path / "file" / "out")).write(tmp_path / "j.json")
    (failed,) = run(sys.executable, tmp_path / "j.json", never)
    assert "choose another output folder" in failed.message


def test_the_real_backend_refuses_a_scene_that_is_not_there(tmp_path):
    """With the interpreter at hand: if it lacks torch, that too must come as a Failed and not as an exception."""
    job = tmp_path / "job.json"
    Job(task="unmix", method="unmamba", scene=str(tmp_path / "no.tif"), output=str(tmp_path / "out")).write(job)
    events = list(run(sys.executable, job, never))
    assert isinstance(events[-1], Failed)
    assert events[-1].message
    assert not (tmp_path / "out" / PARTIAL).exists()
