"""How kernels are compiled: without the interpreter's lock, and kept on disk beside the backend's Python.

Numba looks at one file's time stamp only, so the cache folder's name carries a digest of all files beside the kernel
and of the scan's, whose vectors other kernels are made of, of Numba's version, of the processor and of this package's
name, which compiled files refer to: an updated plugin, or another machine on the same home folder, never meets an old
kernel. What lies in the folder is run: it is used only if nobody but its owner, this user, can have written it.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm  # type: ignore[import-untyped]
import numba
from numba.core import config as _config
from numba.core.caching import FunctionCache
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

from .ownership import complaint, is_own, make, others_write

settings: Any = _config


@cache
def cache_folder(sources: Path) -> Path:
    """Where the kernels of a folder of sources are kept: under sys.prefix, else the user's cache, else temporarily."""
    digest = hashlib.sha256(f"{__name__} {numba.__version__} {llvm.get_host_cpu_name()} {sys.version}".encode())
    folders = dict.fromkeys([sources, Path(__file__).parent / "scan"])
    for file in [Path(__file__), *(file for folder in folders for file in sorted(folder.glob("*.py")))]:
        digest.update(file.read_bytes())
    for root in _roots():
        folder = root / "mixel-kernels" / digest.hexdigest()[:16]
        if _usable(folder):
            return folder
    folder = Path(tempfile.mkdtemp(prefix="mixel-kernels-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _roots() -> list[Path]:
    """Folders to try, best first; NUMBA_CACHE_DIR is obeyed."""
    if sys.platform == "win32":
        own = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        own = Path.home() / "Library" / "Caches"
    else:
        own = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    chosen = [Path(settings.CACHE_DIR)] if settings.CACHE_DIR else []
    return [*chosen, Path(sys.prefix), own]


def _usable(folder: Path) -> bool:
    """Whether kernels can be kept in a folder, which is made if need be, and the ones that lie there are this user's.

    In a folder that others cannot enter the files' own bits say nothing.
    """
    try:
        make(folder)
        if complaint(folder):
            return False
        info = os.lstat(folder)
        closed = sys.platform == "win32" or not info.st_mode & 0o077
        entries = [os.path.join(parent, name) for parent, *kinds in os.walk(folder) for kind in kinds for name in kind]
        for one in (info, *map(os.lstat, entries)):
            plain = stat.S_ISREG(one.st_mode) or stat.S_ISDIR(one.st_mode)
            if not plain or not is_own(one) or (others_write(one) and not closed):
                return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


class _Kept(FunctionCache):
    """Numba's cache; a disk without room for a kernel costs time in the next run and nothing else."""

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel if that can be."""
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]


def kernel(function: Callable[..., Any]) -> Any:
    """Compile at first call, from then on load from the cache folder; runs without the interpreter's lock."""
    compiled: Any = numba.njit(nogil=True, error_model="numpy")(function)
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder(Path(function.__code__.co_filename).parent))
    try:
        compiled._cache = _Kept(function)  # type: ignore[no-untyped-call] # which cache=True does, too
    finally:
        settings.CACHE_DIR = before
    return compiled


class _Lowering(NativeLowering):
    """From Numba's words to LLVM's, and no further: what becomes part of a kernel is optimised with it.

    Numba by itself optimises and builds each function anew in all functions that call it, one within the other, which
    takes more than half of the time.
    """

    def run_pass(self, state: Any) -> Any:
        """The step itself, on the state of one compilation."""
        library = state.library = state.targetctx.codegen().create_library(state.func_id.func_qualname)
        library._optimize_final_module = lambda: None
        library._finalize_final_module = lambda: setattr(library, "_finalized", True)
        state.flags.no_compile = state.flags.no_cpython_wrapper = state.flags.no_cfunc_wrapper = True
        done = super().run_pass(state)  # type: ignore[no-untyped-call]
        # Numba tells functions apart by what Python would call: here by something of its own that refuses to be called.
        # A string's `join` does, unless it is given strings.
        entry = f"{state.func_id.func_qualname} is part of kernels".join
        state.targetctx.insert_user_function(entry, state.cr.fndesc, [library])
        state.cr = state.cr._replace(cfunc=entry)
        return done


register_pass(mutates_CFG=True, analysis_only=False)(_Lowering)  # type: ignore[no-untyped-call]


class _Part(CompilerBase):
    """Numba's compiler for functions that only kernels call."""

    def define_pipelines(self) -> list[Any]:
        """The usual steps but for the last one."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)  # type: ignore[no-untyped-call]
        manager.passes[:] = [(_Lowering if step is NativeLowering else step, told) for step, told in manager.passes]
        manager.finalize()
        return [manager]


def inlined(function: Callable[..., Any]) -> Any:
    """A function that kernels call; compiled into them; Python cannot call it."""
    return numba.njit(nogil=True, error_model="numpy", pipeline_class=_Part)(function)
