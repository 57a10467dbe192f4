"""The cache of compiled kernels is run: only what nobody but this user can have written is used."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from mixel.backend import jit, ownership

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(jit.__file__).parent / "abundances"


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """Two folders that a cache may lie in, the better one first."""
    monkeypatch.setattr(jit, "_roots", lambda: [tmp_path / "first", tmp_path / "second"])
    jit.cache_folder.cache_clear()
    yield tmp_path / "first", tmp_path / "second"
    jit.cache_folder.cache_clear()


@pytest.fixture
def disown(monkeypatch):
    """A function that makes a file somebody else's."""

    def give_away(path):
        if os.geteuid() == 0:
            os.chown(path, 12345, 12345, follow_symlinks=False)
        else:
            number = os.geteuid() + 1
            monkeypatch.setattr(ownership.os, "geteuid", lambda: number)

    return give_away


def again():
    jit.cache_folder.cache_clear()
    return jit.cache_folder(SOURCES)


def test_a_new_cache_is_for_its_user_alone(roots):
    before = os.umask(0)
    try:
        folder = jit.cache_folder(SOURCES)
    finally:
        os.umask(before)
    assert folder.is_relative_to(roots[0])
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in (folder, folder.parent, roots[0]))
    (folder / "own").mkdir()
    (folder / "own" / "kernel.nbc").write_bytes(b"")
    (folder / "own" / "kernel.nbc").chmod(0o666)
    assert again() == folder, "others cannot enter the folder"


@pytest.mark.parametrize("above", [0, 1, 2])
def test_a_folder_that_others_can_write_to_is_not_used(roots, above):
    folder = jit.cache_folder(SOURCES)
    (folder, *folder.parents)[above].chmod(0o777)
    assert again().is_relative_to(roots[1])


def test_a_cache_that_others_could_write_to_is_not_used_after_it_was_closed_half(roots):
    folder = jit.cache_folder(SOURCES)
    (folder / "kernel.nbc").write_bytes(b"")
    (folder / "kernel.nbc").chmod(0o666)
    folder.chmod(0o755)
    assert again().is_relative_to(roots[1])


@pytest.mark.parametrize("deep", [False, True])
def test_a_file_of_somebody_else_is_not_run(roots, disown, deep):
    folder = jit.cache_folder(SOURCES)
    file = folder / "sub" / "kernel.nbi" if deep else folder / "kernel.nbi"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"")
    assert again() == folder
    disown(file)
    assert not again().is_relative_to(folder)


def test_links_in_the_cache_are_not_followed(roots, tmp_path):
    folder = jit.cache_folder(SOURCES)
    (tmp_path / "foreign").mkdir()
    (folder / "sub").symlink_to(tmp_path / "foreign")
    assert again().is_relative_to(roots[1])


def test_a_folder_of_somebody_else_is_not_used(roots, disown):
    folder = jit.cache_folder(SOURCES)
    disown(folder)
    chosen = again()
    assert not chosen.is_relative_to(folder)
    assert stat.S_IMODE(chosen.stat().st_mode) == 0o700


def test_a_cache_that_is_not_trusted_costs_time_and_nothing_else(tmp_path):
    """With a real kernel: what lies in an open cache is neither read nor changed."""
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); sys.path.insert(0, '.')\n"
        "from backend import jit; import small\n"
        "print(jit.cache_folder(Path(small.__file__).parent), small.twice(21))"
    )
    (tmp_path / "small.py").write_text("from backend.jit import kernel\n\n\n@kernel\ndef twice(x):\n    return 2 * x\n")
    cache = tmp_path / "cache"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "XDG_CACHE_HOME": str(tmp_path / "own")}
    environment["TMPDIR"] = str(tmp_path)

    def run():
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        folder, answer = done.stdout.split()
        assert answer == "42"
        return Path(folder)

    first = run()
    assert first.is_relative_to(cache)
    (compiled,) = first.rglob("*.nbc")
    compiled.write_bytes(b"tampered with: would not load")
    first.chmod(0o777)
    assert not run().is_relative_to(cache)
    assert compiled.read_bytes() == b"tampered with: would not load"
