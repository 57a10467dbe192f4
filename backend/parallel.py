"""Many small pieces of work on all cores: one thread a core, each of which computes alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch


def each(parts: int, work: Callable[[int], None], device: torch.device) -> None:
    """Call work(0) .. work(parts - 1), on the CPU in as many threads as torch uses.

    Torch's own threads share one operation and wait for each other after it; for small operations that costs more than
    it gains. What a part computes must not depend on the others.
    """
    workers = min(parts, torch.get_num_threads())
    if device.type != "cpu" or workers < 2:
        for part in range(parts):
            work(part)
        return
    threads = torch.get_num_threads()

    def alone(part: int) -> None:
        with torch.inference_mode():  # which is set for each thread
            work(part)

    try:
        with ThreadPoolExecutor(workers, "mixel-map", initializer=torch.set_num_threads, initargs=(1,)) as executor:
            for _ in executor.map(alone, range(parts)):
                pass
    finally:
        torch.set_num_threads(threads)  # matrix libraries keep one number for all threads
