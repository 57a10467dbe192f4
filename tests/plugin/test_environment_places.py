"""Where the backend's Python lives, which build of torch fits, what a child inherits, what a failure means."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from mixel.plugin.environment import base, child, failures, pip_calls, places
from mixel.plugin.environment.child import clean_environment
from mixel.plugin.environment.places import InstallError

LOCKS = sorted(places.LOCKS.glob("*.txt"))


def test_there_is_a_lock_file_for_every_platform():
    names = [path.stem for path in LOCKS]
    assert names == ["linux-x86_64-cpu", "linux-x86_64-cuda", "macos-arm64", "windows-cpu", "windows-cuda"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_package_is_pinned_once_for_each_python(lock):
    from packaging.requirements import Requirement

    for version in ("3.10", "3.11", "3.12", "3.13", "3.14"):
        needs = [Requirement(line) for line in pip_calls.pins(lock)]
        needs = [need for need in needs if not need.marker or need.marker.evaluate({"python_version": version})]
        names = [need.name for need in needs]
        assert len(names) == len(set(names))
        assert all(str(need.specifier).startswith("==") and "*" not in str(need.specifier) for need in needs)
        wanted = {"torch", "numpy", "numba", "rasterio", "scipy", "scikit-learn", "matplotlib", "safetensors", "psutil"}
        assert wanted | {"jinja2", "sympy", "networkx", "fsspec", "filelock", "typing-extensions"} <= set(names)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_files_hold_no_address_and_say_how_they_are_made(lock):
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "lock.py" in text


@pytest.mark.parametrize(
    ("system", "variables", "told"),
    [
        ("linux", {}, "~/.local/share/mixel"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/mixel"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/Mixel"),
        ("darwin", {}, "~/Library/Application Support/Mixel"),
        ("linux", {"MIXEL_HOME": "~/my own"}, "~/my own"),
    ],
)
def test_the_folder_is_the_users_own(monkeypatch, system, variables, told):
    for name in ("MIXEL_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", system)
    assert places.home() == Path(told).expanduser()


@pytest.mark.parametrize(
    ("system", "machine", "build", "name"),
    [
        ("Linux", "x86_64", "cpu", "linux-x86_64-cpu.txt"),
        ("Linux", "x86_64", "cu130", "linux-x86_64-cuda.txt"),
        ("Windows", "AMD64", "cpu", "windows-cpu.txt"),
        ("Windows", "AMD64", "cu126", "windows-cuda.txt"),
        ("Darwin", "arm64", "cpu", "macos-arm64.txt"),
    ],
)
def test_the_lock_file_fits_the_machine(monkeypatch, system, machine, build, name):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert places.lock_file(build).name == name


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "x86_64"), ("FreeBSD", "amd64")])
def test_a_system_without_wheels_is_told_the_way_out(monkeypatch, system, machine):
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(InstallError, match="choose it in Mixel's settings"):
        places.lock_file("cpu")
    assert "choose it in Mixel's settings" in places.find().reason


def test_another_lock_file_or_build_means_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MIXEL_HOME", str(tmp_path))
    lock = tmp_path / "lock.txt"
    monkeypatch.setattr(places, "lock_file", lambda build: lock)
    lock.write_text("a==1\n")
    first, cuda = places.place("cpu"), places.place("cu130")
    lock.write_text("a==2\n")
    assert len({first.folder, cuda.folder, places.place("cpu").folder}) == 3
    lock.unlink()
    with pytest.raises(InstallError, match="install the plugin again"):
        places.place("cpu")


@pytest.mark.parametrize(
    ("cuda", "capability", "build"),
    [
        ((13, 0), (9, 0), "cu130"),
        ((13, 1), (12, 0), "cu130"),
        ((13, 0), (6, 1), "cu126"),
        ((12, 2), (8, 6), "cu126"),
        ((12, 8), None, "cu126"),
        ((12, 8), (12, 0), "cpu"),
        ((11, 8), (8, 6), "cpu"),
        ((13, 0), (3, 5), "cpu"),
    ],
)
def test_the_build_fits_driver_and_gpu(cuda, capability, build):
    chosen, reason = places._build_for(cuda, capability)
    assert chosen == build
    assert f"CUDA {cuda[0]}.{cuda[1]}" in reason
    if build == "cpu" and cuda[0] < 13:
        assert "update the driver" in reason


SMI = """#!/bin/sh
case "$*" in
  *compute_cap*) echo "{capability}" ;;
  *) echo "| NVIDIA-SMI 580.1   Driver Version: 580.1   CUDA Version: {cuda}  |" ;;
esac
exit {code}
"""


@pytest.mark.parametrize(
    ("cuda", "capability", "code", "build", "told"),
    [
        ("13.0", "9.0", 0, "cu130", "CUDA 13.0"),
        ("12.4", "8.6", 0, "cu126", "CUDA 12.6"),
        ("N/A", "", 0, "cpu", "does not answer"),
        ("13.0", "9.0", 9, "cpu", "does not answer"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="a shell script plays nvidia-smi")
def test_nvidia_smi_is_asked(tmp_path, monkeypatch, cuda, capability, code, build, told):
    program = tmp_path / "nvidia-smi"
    program.write_text(SMI.format(cuda=cuda, capability=capability, code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    chosen, reason = places.choose_accelerator()
    assert (chosen, told in reason) == (build, True)


def test_cuda_that_is_asked_for_and_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(places, "_fitting_build", lambda: ("cpu", "No NVIDIA driver was found."))
    with pytest.raises(InstallError, match="Choose the processor"):
        places.choose_accelerator("cuda")
    assert places.choose_accelerator("auto")[0] == places.choose_accelerator("cpu")[0] == "cpu"
    with pytest.raises(ValueError, match="accelerator"):
        places.choose_accelerator("tpu")


def test_children_inherit_nothing_of_qgis():
    sep = os.pathsep
    given = {
        **dict.fromkeys(["PYTHONHOME", "PYTHONPATH", "PYTHONEXECUTABLE", "PYTHONUSERBASE", "PYTHONSAFEPATH"], "x"),
        **dict.fromkeys(["VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "QGIS_PREFIX_PATH", "PROJ_LIB", "PROJ_DATA"], "x"),
        **dict.fromkeys(["GDAL_DATA", "GDAL_DRIVER_PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH"], "x"),
        **dict.fromkeys(["QT_PLUGIN_PATH", "__PYVENV_LAUNCHER__", "OSGEO4W_ROOT"], "/opt/o4w"),
        "PATH": sep.join(["/opt/QGIS 3.34.1/bin", "/usr/bin", "/opt/o4w/bin", "/Applications/QGIS.app/Contents", "/x"]),
        "SSL_CERT_FILE": "/opt/o4w/cert.pem",
        "PIP_USER": "1",
    }
    assert clean_environment(given) == {
        "PATH": sep.join(["/usr/bin", "/x"]),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "PIP_USER": "0",
    }


def test_children_inherit_what_pip_and_the_network_need():
    kept = {
        "PIP_FIND_LINKS": "/wheels",
        "PIP_INDEX_URL": "a mirror",
        "HTTPS_PROXY": "a proxy",
        "SSL_CERT_FILE": "/etc/company.pem",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/home/qgis-user",
        "CUDA_VISIBLE_DEVICES": "0",
    }
    assert kept.items() <= clean_environment(kept).items()
    assert clean_environment({"PATH": "/opt/qgis/bin"})["PATH"] == os.defpath


def test_a_short_command_that_hangs_is_ended():
    with pytest.raises(OSError, match="no answer"):
        child.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.3)


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("OSError: [WinError 112] There is not enough space on the disk", "disk is full"),
        ("[Errno 122] Disk quota exceeded", "disk is full"),
        (
            "ERROR: Could not install packages: [Errno 13] Permission denied: '/x'",
            "no right to write",
        ),
        ("OSError: [Errno 30] Read-only file system", "no right to write"),
        ("PermissionError: [WinError 5] Access is denied: 'torch.dll'", "antivirus"),
        ("[WinError 32] The process cannot access the file because it is being used by another process", "antivirus"),
        ("HINT: ... does not have Windows Long Path support enabled.", "short folder"),
        ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy", "name and password"),
        ("ProxyError('Cannot connect to proxy.', NewConnectionError('<pip", "proxy setting"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify", "PIP_CERT"),
        ("Could not find a suitable TLS CA certificate bundle, invalid path: /x", "PIP_CERT"),
        ("ERROR: HTTP error 403 while getting x", "refuses access"),
        (
            "[Errno -3] Temporary failure in name resolution')': /torch/\nERROR: No matching distri",
            "the network",
        ),
        ("getaddrinfo failed\nERROR: Could not find a version that satisfies the requirement", "check the network"),
        ("pip._vendor.urllib3.exceptions.ReadTimeoutError: Read timed out.", "check the network"),
        ("ConnectionResetError(104, 'Connection reset by peer')", "check the network"),
        ("ERROR: No matching distribution found for torch==2.13.0+cpu", "does not exist for this system"),
        ("ERROR: torch-x.whl is not a supported wheel on this platform.", "does not exist for this system"),
        ("created successfully because ensurepip is not available.", "python3-venv"),
        ("/usr/bin/python3: No module named venv", "python3-venv"),
        ("ImportError: DLL load failed while importing _C", "Visual C++"),
        ("ERROR: ResolutionImpossible: for help visit", "constraint"),
        ("MemoryError", "memory ran out"),
    ],
)
def test_every_known_failure_is_one_sentence_with_the_way_out(output, told):
    sentence = failures.sentence("Collecting torch\n" + output + "\n", 1, "/home/x/mixel", "/home/x/install.log")
    assert told in sentence
    assert "{" not in sentence
    assert sentence.endswith(".")


def test_an_unknown_failure_shows_pips_error_and_the_log():
    sentence = failures.sentence("Collecting a\nERROR: strange thing\nnotice: pip\n", 2, "/h", "/h/install.log")
    assert "strange thing" in sentence
    assert "/h/install.log" in sentence
    assert "exit code 2" in failures.sentence("", 2, "/h", "/log")
    assert "memory" in failures.sentence("", -9, "/h", "/log")


def test_the_base_is_a_python_that_the_lock_files_serve():
    found = base.ask(base.base_interpreter())
    assert found.fits
    assert found.venv
    assert found.path.is_file()


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([[3, 9, True, True]], "only 3.9: install one"),
        ([[3, 12, False, True]], "64-bit"),
        ([[3, 11, True, False]], "python3.11-venv"),
        ([[3, 9, True, True], [3, 12, True, False]], "python3.12-venv"),
        ([], "has none"),
        ([None], "has none"),
    ],
)
def test_a_base_that_will_not_do_is_refused_with_what_to_install(tmp_path, monkeypatch, answers, told):
    fakes = []
    for number, answer in enumerate(answers):
        fakes.append(tmp_path / f"python{number}")
        fakes[-1].write_text(f"#!/bin/sh\necho '{json.dumps(answer) if answer else 'Install me from the store'}'\n")
        fakes[-1].chmod(0o755)
    monkeypatch.setattr(base, "candidates", lambda: iter([tmp_path / "missing", *fakes]))
    with pytest.raises(InstallError, match=told):
        base.base_interpreter()


def test_a_later_candidate_serves_where_qgis_python_does_not(tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.write_text("#!/bin/sh\necho '[3, 9, true, true]'\n")
    old.chmod(0o755)
    good = base.base_interpreter()
    monkeypatch.setattr(base, "candidates", lambda: iter([old, good]))
    assert base.base_interpreter() == good


def test_sys_executable_is_not_trusted(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/usr/bin/qgis")
    assert Path("/usr/bin/qgis") not in list(base.candidates())
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "base_exec_prefix", "/osgeo/apps/Python312")
    assert next(base.candidates()) == Path("/osgeo/apps/Python312/python.exe")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(sys, "base_exec_prefix", "/Applications/QGIS.app/Contents/Frameworks")
    assert Path("/Applications/QGIS.app/Contents/MacOS/bin/python3") in list(base.candidates())


def test_torch_comes_alone_from_its_own_index(tmp_path, monkeypatch):
    lock = tmp_path / "lock.txt"
    lock.write_text("# torch==9\ntorch==2.13.0\nnumpy==2\n")
    monkeypatch.setattr(sys, "platform", "linux")
    cpu, cuda = pip_calls.torch_arguments(lock, "cpu"), pip_calls.torch_arguments(lock, "cu130")
    assert "torch==2.13.0+cpu" in cpu
    assert "--no-deps" in cpu
    assert pip_calls.TORCH_INDEX + "cpu" in cpu
    assert ["--constraint", str(lock)] == cuda[-2:]
    assert "torch==2.13.0+cu130" in cuda
    monkeypatch.setattr(sys, "platform", "darwin")
    assert pip_calls.torch_arguments(lock, "cpu")[-1] == "torch==2.13.0"
    lock.write_text("# nothing\n")
    assert pip_calls.torch_arguments(lock, "cpu") == []


def test_pips_lines_become_progress_that_never_goes_back():
    reading = pip_calls.Reading(2, "Looking")
    shown = []
    for line in (
        "Looking in indexes: somewhere",
        "WARNING: Retrying (Retry(total=1)) after connection broken",
        "Collecting scikit-learn==1.9 (from -r lock.txt (line 3))",
        "  Downloading scikit_learn-1.9-cp311-x.whl.metadata (11 kB)",
        "Progress 11000 of 11000",
        "  Downloading scikit_learn-1.9-cp311-x.whl (9.1 MB)",
        "Progress 4550000 of 9100000",
        "Processing /wheels/numpy-2-cp311.whl",
        "Progress 1000000 of 9100000",
        "Installing collected packages: numpy, scikit-learn",
        "Successfully installed numpy-2 scikit-learn-1.9",
    ):
        reading.take(line)
        shown.append((round(reading.fraction, 3), reading.message))
    fractions = [fraction for fraction, _ in shown]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert shown[1][1].startswith("A package server does not answer")
    assert shown[4][0] == 0
    assert shown[6] == (0.188, "Downloading scikit-learn (9.1 MB)")
    assert shown[7] == (0.375, "Reading numpy")
    assert shown[9] == (0.75, "Installing 2 packages")


def test_about_names_a_package_that_is_missing(tmp_path):
    (tmp_path / "numpy.py").write_text("raise ImportError('no numpy here')\n")
    environment = {**clean_environment(), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "backend.about"], cwd=child.PLUGIN_ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.strip() == "The package numpy does not work in this Python (no numpy here)."
    assert done.stdout == ""
