"""What pip says becomes progress or one sentence; which Python is the base; what an interpreter says of itself."""

from __future__ import annotations

import ensurepip
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from mixel.plugin.environment import base, child, failures, pip_calls, sources
from mixel.plugin.environment.child import clean_environment
from mixel.plugin.environment.places import InstallError


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
        ("ERROR: Hashes are required in --require-hashes mode", "hash settings"),
        ("MemoryError", "memory ran out"),
    ],
)
def test_every_known_failure_is_one_sentence_with_the_way_out(output, told):
    sentence = failures.sentence("Collecting torch\n" + output + "\n", 1, "/home/x/mixel", "/home/x/install.log")
    assert told in sentence
    assert "{" not in sentence
    assert sentence.endswith(".")


MISMATCH = """Retrying after NewConnectionError
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated the package versions, ...
    {line}:
        Expected sha256 {digits}
             Got        {digits}
"""


@pytest.mark.parametrize(
    "line",
    [
        "scikit-learn==1.9.1 from {address} (from -r lock.txt (line 1))",
        "scikit-learn==1.9.1 from {address}",
        "scikit-learn==1.9.1 from {address}#sha256=aa:bb (from -r lock.txt (line 1))",
        'scikit-learn==1.9.1; python_version >= "3.11" from {address} (from -r lock.txt (line 1))',
    ],
)
@pytest.mark.parametrize("address", ["https://u:secret@mirror", "file:///x", "https://" + "a" * 300])
def test_a_file_with_another_hash_is_told_by_package_and_place(line, address):
    output = MISMATCH.format(line=line.format(address=f"{address}/s-1.whl"), digits="0" * 64)
    sentence = failures.sentence(output, 1, "/h", "/log")
    assert sentence.startswith("The package scikit-learn from ")
    assert "/s-1.whl is not the file that Mixel's list names: take that index or folder out of pip's" in sentence
    assert "secret" not in sentence
    assert len(sentence) <= 300


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


LOCK = """\
# torch==9
torch==2.13.0
numpy==2 ; python_version >= "3.11" \\
    --hash=sha256:aa \\
    --hash=sha256:bb
six==1 \\
    --hash=sha256:cc
"""


@pytest.fixture
def lock(tmp_path):
    """A small lock file."""
    path = tmp_path / "lock.txt"
    path.write_text(LOCK)
    return path


def test_a_lock_file_is_read_pin_by_pin(lock):
    found = pip_calls.pins(lock)
    assert [(pin.name, pin.requirement, pin.hashes) for pin in found] == [
        ("torch", "torch==2.13.0", ()),
        ("numpy", 'numpy==2 ; python_version >= "3.11"', ("sha256:aa", "sha256:bb")),
        ("six", "six==1", ("sha256:cc",)),
    ]
    assert pip_calls.unhashed(lock) == found[:1]
    lock.write_text("# nothing\n")
    assert pip_calls.pins(lock) == pip_calls.unhashed(lock) == []


def test_torch_comes_alone_from_its_own_index(lock, monkeypatch):
    torch = pip_calls.unhashed(lock)[0]
    monkeypatch.setattr(sys, "platform", "linux")
    cpu, cuda = (pip_calls.torch_arguments(torch, build, Path("versions.txt")) for build in ("cpu", "cu126"))
    assert cpu[-2:] == ["torch==2.13.0+cpu", "--no-deps"]
    assert pip_calls.TORCH_INDEX + "cpu" in cpu
    assert cuda[-3:] == ["torch==2.13.0+cu126", "--constraint", "versions.txt"]
    monkeypatch.setattr(sys, "platform", "win32")
    assert pip_calls.torch_arguments(torch, "cu126", Path("versions.txt"))[-1] == "--no-deps"


@pytest.mark.parametrize("hashes", [True, False])
def test_pip_reads_only_what_has_a_hash(lock, tmp_path, hashes):
    pip_calls.write_requirements(lock, tmp_path / "out.txt", hashes)
    rows = (tmp_path / "out.txt").read_text().splitlines()
    first, second = 'numpy==2 ; python_version >= "3.11"', "six==1"
    if hashes:
        first, second = first + " --hash=sha256:aa --hash=sha256:bb", second + " --hash=sha256:cc"
    assert rows == [first, second]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("", "Packages come from PyPI"),
        ("global.index-url='https://u:p@mirror/simple'", "Packages come from https://***@mirror/simple (so"),
        ("global.extra-index-url='file:///a file:///b'", "PyPI and file:///a and file:///b (so"),
        ("global.find-links='\\n/one\\n/two'", "PyPI and /one and /two (so"),
        (":env:.index-url='https://b/'\nglobal.index-url='https://a/'", "from https://b/ (so"),
        ("install.index-url='https://c/'\nglobal.index-url='https://a/'", "from https://c/ (so"),
        (":env:.no-index='1'\nglobal.find-links='/wheels'", "from /wheels (so"),
        ("global.no-index='false'", "from PyPI (so"),
        ("global.no-index='true'", "from nowhere (so"),
        ("global.proxy='http://u:p@proxy'\nglobal.cert='/c.pem'", "Packages come from PyPI"),
    ],
)
def test_where_packages_come_from_is_one_sentence_without_passwords(settings, told):
    sentence = sources.sentence(settings)
    assert told in sentence
    assert ("pip's settings" in sentence) == ("(so" in told)
    assert "u:p" not in sentence
    assert "torch" not in sentence
    assert sources.sentence(settings, "cu126").endswith("torch also from download.pytorch.org/whl/cu126")


def test_the_sources_are_what_this_machines_pip_says(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", (tmp_path / "index").as_uri())
    bundled = sysconfig.get_config_var("WHEEL_PKG_DIR") or Path(ensurepip.__file__).parent / "_bundled"
    (wheel,) = Path(bundled).glob("pip-*.whl")  # this machine's Python may have no other pip
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{wheel}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    assert (tmp_path / "index").as_uri() in sources.sentence(sources.settings(python))
    with pytest.raises(InstallError, match="cannot be started"):
        sources.settings(tmp_path / "nowhere")


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
