"""The cache of compiled kernels is run: only what nobody but this user can have written is used."""

from __future__ import annotations

import os
import resource
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


SCRIPT = (
    "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); sys.path.insert(0, '.')\n"
    "from backend import jit; import small\n"
    "print(jit.cache_folder(Path(small.__file__).parent), small.twice(21))"
)


@pytest.fixture
def compiling(tmp_path):
    """A function that compiles a real kernel in a process of its own, and gives the cache folder it used."""
    (tmp_path / "small.py").write_text("from backend.jit import kernel\n\n\n@kernel\ndef twice(x):\n    return 2 * x\n")
    (tmp_path / "temporary").mkdir()
    own = {"XDG_CACHE_HOME": str(tmp_path / "own"), "TMPDIR": str(tmp_path / "temporary")}
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), **own}

    def run(**options):
        done = subprocess.run(
            [sys.executable, "-c", options.pop("script", SCRIPT), str(tmp_path)],
            cwd=ROOT, env=environment, capture_output=True, text=True, **options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        folder, answer = done.stdout.split()
        assert answer == "42"
        return Path(folder)

    return run


def test_a_cache_that_is_not_trusted_costs_time_and_nothing_else(tmp_path, compiling):
    """With a real kernel: what lies in an open cache is neither read nor changed."""
    first = compiling()
    assert first.is_relative_to(tmp_path / "cache")
    (compiled,) = first.rglob("*.nbc")
    compiled.write_bytes(b"tampered with: would not load")
    first.chmod(0o777)
    assert not compiling().is_relative_to(tmp_path / "cache")
    assert compiled.read_bytes() == b"tampered with: would not load"


def test_a_disk_without_room_for_a_kernel_costs_time_and_nothing_else(tmp_path, compiling):
    def no_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))

    folder = compiling(preexec_fn=no_room)
    assert not list(folder.rglob("*.nb?")) and not list(folder.rglob("*.tmp*"))
    assert list(compiling().rglob("*.nbc"))


def test_a_cache_of_one_run_goes_with_it(tmp_path, compiling):
    """Where no folder can be used."""
    nowhere = SCRIPT.replace("import small", "jit._roots = lambda: []; import small")
    folder = compiling(script=nowhere)
    assert folder.parent == tmp_path / "temporary" and not any((tmp_path / "temporary").iterdir())
