"""Threads for our kernels, as many as torch uses. Knows nothing of what they compute."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import torch

_lock = threading.Lock()
_executor: ThreadPoolExecutor | None = None
_size = 0


def run(parts: int, work: Callable[[int], None]) -> None:
    """Call work(0) .. work(parts - 1), the caller's thread and torch's number of threads taking them in turn.

    What a part computes must not depend on who runs it, so results are the same for every number of threads.
    """
    helpers = min(parts, torch.get_num_threads()) - 1
    if helpers < 1:
        for part in range(parts):
            work(part)
        return
    taken = iter(range(parts))

    def take() -> None:
        # next() on an iterator over a range is one step under the interpreter's lock.
        for part in taken:
            work(part)

    executor = _threads(helpers)
    futures = [executor.submit(take) for _ in range(helpers)]
    try:
        take()
    finally:
        # Also when the caller is interrupted: the others still write into its arrays.
        wait(futures)
    for future in futures:
        future.result()


def _threads(helpers: int) -> ThreadPoolExecutor:
    global _executor, _size
    with _lock:
        if _executor is None or _size < helpers:
            # The smaller one is left to those who hold it; its idle threads end with the process.
            _executor, _size = ThreadPoolExecutor(helpers, "mixel-scan"), helpers
        return _executor


def _forget() -> None:
    """After a fork the child has no threads but the one that forked."""
    global _executor, _size, _lock
    _executor, _size, _lock = None, 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
