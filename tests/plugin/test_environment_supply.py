"""Wheels that are not what they seem: with real pips and package indexes that are folders. Nothing of them runs."""

from __future__ import annotations

import os
import subprocess

import pytest
from folder_index import base, checkout, index, sha256, wheel
from mixel.plugin import environment
from mixel.plugin.environment import InstallError, child, making, pip_calls, wheels
from mixel.plugin.environment import base as bases
from scripted_python import make, pythons

STARTS = "import os; open(os.environ['RAN'], 'w').close()\n"
"""A line of a ``.pth`` file, which every start of Python would run."""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """An environment with pip in it."""
    folder = tmp_path_factory.mktemp("template") / "venv"
    subprocess.run([str(bases.base_interpreter()), "-m", "venv", str(folder)], check=True)
    return folder


@pytest.fixture
def indexes(home, template, tmp_path, monkeypatch):
    """A function that sets pip's indexes: the first, then the additional ones."""
    program = base(tmp_path, template)
    monkeypatch.setattr(making, "base_interpreter", lambda: program)
    monkeypatch.setattr(child, "PLUGIN_ROOT", checkout(tmp_path / "plugin"))
    monkeypatch.setattr(pip_calls, "TORCH_INDEX", (tmp_path / "torch's own").as_uri() + "/")
    monkeypatch.setenv("RAN", str(tmp_path / "ran"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)

    def use(*addresses):
        monkeypatch.setenv("PIP_INDEX_URL", addresses[0])
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", " ".join(addresses[1:]))

    return use


def lock(tmp_path, *lines):
    (tmp_path / "lock.txt").write_text("\n".join(lines) + "\n")


def refused(tmp_path, *told):
    """The creation fails with one sentence that tells this; nothing is left, nothing of the wheels has run."""
    with pytest.raises(InstallError) as error:
        make()
    sentence = str(error.value)
    for words in told:
        assert words in sentence
    assert "\n" not in sentence and len(sentence) <= 300
    assert pythons(tmp_path / "Données de Jürgen 山") == []
    assert not (tmp_path / "ran").exists()


def test_only_what_the_lock_vouches_for_is_installed_and_torch(tmp_path, home, indexes):
    files = tmp_path / "files"
    needs = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nRequires-Dist: stranger\n"
    true = wheel(files, "thing", files={"thing-1.0.dist-info/METADATA": needs})
    unasked = [wheel(files, name, files={f"{name}.pth": STARTS}) for name in ("stranger", "unhashed")]
    torch = wheel(files, "torch", "2.13.0+cpu")
    # Its build number would put it before the true one.
    other = wheel(tmp_path / "other", "thing", build="-1", files={"thing.pth": STARTS})
    indexes(index(tmp_path / "index", true, *unasked), index(tmp_path / "more", torch, other, hashes=False))
    lock(
        tmp_path, "torch==2.13.0", "unhashed==1.0", f"thing==1.0 --hash=sha256:{'0' * 64} --hash=sha256:{sha256(true)}"
    )
    messages = [message for _, message in make()]
    assert any("Packages come from" in message and (tmp_path / "more").as_uri() in message for message in messages)
    python = environment.find().python
    script = "import thing, torch; print(thing.version, torch.version)"
    done = subprocess.run([str(python), "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["1.0", "2.13.0+cpu"]
    installed = {path.name.split("-")[0] for path in python.parent.parent.rglob("*.dist-info")}
    assert installed - {"pip", "setuptools"} == {"thing", "torch"}
    assert not (tmp_path / "ran").exists()


def test_a_tampered_wheel_is_refused_by_its_hash(tmp_path, home, indexes):
    true = wheel(tmp_path / "true", "thing")
    tampered = wheel(tmp_path / "tampered", "thing", files={"thing.pth": STARTS})
    indexes(index(tmp_path / "index", tampered))
    lock(tmp_path, f"thing==1.0 --hash=sha256:{sha256(true)}")
    refused(
        tmp_path, "The package thing from ", "tampered/thing-1.0", "take that index or folder out of pip's settings"
    )


def test_a_wheel_from_an_additional_index_is_refused_by_its_hash(tmp_path, home, indexes):
    true = wheel(tmp_path / "true", "thing")
    # Its build number puts it before the true one; without hashes in the indexes' pages pip finds out late.
    other = wheel(tmp_path / "other", "thing", build="-1", files={"thing.pth": STARTS})
    indexes(index(tmp_path / "index", true, hashes=False), index(tmp_path / "more", other, hashes=False))
    lock(tmp_path, f"thing==1.0 --hash=sha256:{sha256(true)}")
    refused(tmp_path, "The package thing from ", "other/thing-1.0-1", "'pip config list' shows them")


def test_torch_of_an_additional_index_is_looked_at_before_it_is_installed(tmp_path, home, indexes):
    true = wheel(tmp_path / "files", "thing")
    torch = wheel(tmp_path / "files", "torch", "2.13.0+cpu", files={"torch_start.pth": STARTS})
    indexes(index(tmp_path / "index", true), index(tmp_path / "more", torch))
    lock(tmp_path, "torch==2.13.0", f"thing==1.0 --hash=sha256:{sha256(true)}")
    refused(tmp_path, "The package torch holds torch_start.pth", "take the index or folder that it came from out of")
    log = environment.log_path().read_text(encoding="utf-8")
    assert "pip install" not in log


@pytest.mark.parametrize(
    "name",
    [
        *("a.pth", "A.PTH", "torch-1.0.data/purelib/a.pth", "torch-1.0.data/data/lib/a.pth", "x\\a.pth"),
        *("sitecustomize.py", "usercustomize/__init__.py", "sitecustomize.cpython-311-x86_64-linux-gnu.so"),
    ],
)
def test_what_every_start_would_run_is_found_wherever_it_lies(tmp_path, name):
    wheel(tmp_path, "torch", files={name: ""})
    with pytest.raises(InstallError, match="The package torch holds "):
        wheels.looked_at(tmp_path, [])


def test_wheels_of_hashed_packages_are_left_for_later_and_damaged_ones_told(tmp_path):
    first = wheel(tmp_path, "nvidia_thing")
    wheel(tmp_path, "typing_extensions", files={"a.pth": ""})
    assert wheels.looked_at(tmp_path, ["typing-extensions"]) == [first]
    (tmp_path / "torch-2-py3-none-any.whl").write_bytes(b"half a download")
    with pytest.raises(InstallError, match=r"torch-2-py3-none-any.whl of the package torch is damaged: .* try again"):
        wheels.looked_at(tmp_path, ["typing-extensions"])
