"""Where the backend's Python lives, which build of torch fits, and what a child inherits."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import pytest
from mixel.plugin.environment import child, places
from mixel.plugin.environment.child import clean_environment
from mixel.plugin.environment.places import InstallError


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
        ("Linux", "x86_64", "cu126", "linux-x86_64-cu126.txt"),
        ("Linux", "x86_64", "cu130", "linux-x86_64-cu130.txt"),
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
    with pytest.raises(InstallError, match="choose it on the Python page of Mixel's panel"):
        places.lock_file("cpu")
    assert "choose it on the Python page of Mixel's panel" in places.find().reason


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
    monkeypatch.setattr(places, "nvidia_smi", lambda: [tmp_path / "missing", program])
    chosen, reason = places.choose_accelerator()
    assert (chosen, told in reason) == (build, True)


@pytest.mark.skipif(sys.platform != "linux", reason="a shell script plays nvidia-smi")
def test_a_program_on_the_path_is_not_asked(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n" + SMI.format(cuda="13.0", capability="9.0", code=0))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    places.choose_accelerator()
    assert not (tmp_path / "ran").exists()
    assert all(path.is_absolute() for path in places.nvidia_smi())


def test_the_drivers_program_is_asked_by_its_full_path_on_windows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("SYSTEMROOT", "/windows")
    assert places.nvidia_smi()[0] == Path("/windows/System32/nvidia-smi.exe")


def test_a_machine_without_the_program_gets_the_processor(monkeypatch, tmp_path):
    monkeypatch.setattr(places, "nvidia_smi", lambda: [tmp_path / "nvidia-smi"])
    assert places.choose_accelerator() == ("cpu", "No NVIDIA driver was found; torch for the processor is used.")
    (tmp_path / "nvidia-smi").write_text("not a program")
    assert "does not answer" in places.choose_accelerator()[1]


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
