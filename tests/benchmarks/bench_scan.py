"""`python -m tests.benchmarks.bench_scan`: the forms of the selective scan on this machine, side by side.

Every form takes its turn in every round, so that a busy machine is as unfair to one as to the other; the table shows
medians. mamba.py is measured too where its package `mambapy` is installed. Never asserts anything.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Before torch comes in, as the backend does: threads of torch that wait must not take the cores from those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from torch.nn import functional

from backend.memory import keep_freed_memory
from backend.scan import chosen_form, forms, selective_scan

SHAPES = {
    "image": (1, 10_000, 128, 16),
    "patches": (256, 49, 128, 16),
    "spectra": (4096, 20, 64, 16),
    "training": (8, 1024, 128, 16),
    "large image": (1, 100_000, 128, 16),
}
FIGURES = Path(__file__).resolve().parents[2] / "docs" / "benchmarks"
"""Where a card's figures are kept, one file for each card."""
SLOW = {"reference": 20_000, "mamba.py": 60_000}
"""Tokens up to which a slow form is run."""
NAMES = ("u", "delta", "A", "B", "C", "D", "z", "delta_bias")


def operands(batch, length, channels, states, device):
    """A call's operands as a Mamba block at its start has them."""
    draw = torch.Generator().manual_seed(0)

    def normal(*shape):
        return torch.randn(*shape, generator=draw).to(device)

    steps = torch.exp(torch.rand(channels, generator=draw) * 4.6 - 6.9)
    return {
        "u": normal(batch, length, channels),
        "delta": normal(batch, length, channels) * 0.1,
        "A": -torch.arange(1.0, states + 1).repeat(channels, 1).to(device),
        "B": normal(batch, length, states),
        "C": normal(batch, length, states),
        "D": normal(channels),
        "z": normal(batch, length, channels),
        "delta_bias": (steps + torch.log(-torch.expm1(-steps))).to(device),
    }


def run(form, tensors):
    """One call of a form by name."""
    if form == "mamba.py":
        return mamba_py(**tensors)
    return selective_scan(**tensors, delta_softplus=True, form=form)


def mamba_py(u, delta, A, B, C, D, z, delta_bias):
    """The scan as the package mambapy computes it: everything of size (b, l, d, n) in memory, then its pscan."""
    from mambapy.pscan import pscan

    delta = functional.softplus(delta + delta_bias)
    states = pscan(torch.exp(delta[..., None] * A), (delta * u)[..., None] * B[:, :, None])
    return ((states @ C[..., None])[..., 0] + D * u) * functional.silu(z)


def forward(form, tensors):
    with torch.no_grad():
        run(form, tensors)


def training(form, tensors):
    """Forward and backward with every gradient; the gradients."""
    leaves = [tensors[name].detach().requires_grad_() for name in NAMES]
    y = run(form, dict(zip(NAMES, leaves, strict=True)))
    return torch.autograd.grad(y, leaves, torch.ones_like(y))


def synchronise(device):
    if device != "cpu":
        torch.cuda.synchronize()


def timed(function, device, *arguments):
    """Milliseconds of one call by the clock, and of all processor cores together."""
    synchronise(device)
    clock, cores = time.perf_counter(), time.process_time()
    function(*arguments)
    synchronise(device)
    return 1e3 * (time.perf_counter() - clock), 1e3 * (time.process_time() - cores)


def errors(form, tensors):
    """Largest error of y and of any gradient against float64, relative to the largest value."""
    wide = {name: t.double() for name, t in tensors.items()}
    with torch.no_grad():
        exact = run("torch", wide)
        y_error = ((run(form, tensors) - exact).abs().max() / exact.abs().max()).item()
    pairs = zip(training(form, tensors), training("torch", wide), strict=True)
    return y_error, max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs)


def memory(form, shape, device):
    """Megabytes that forward and backward take beyond the operands, in a process of its own."""
    if device != "cpu":
        tensors = operands(*SHAPES[shape], device)
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        training(form, tensors)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    command = [sys.executable, "-m", "tests.benchmarks.bench_scan", "--memory", form, shape]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(done.stdout) if done.returncode == 0 else float("nan")


def print_memory(form, shape):
    """The child process of `memory`: peak resident memory before and after (Linux only)."""
    training(form, operands(1, 20, 16, 4, "cpu"))
    tensors = operands(*SHAPES[shape], "cpu")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of the compiler
    before = resident("VmRSS")
    training(form, tensors)
    print(resident("VmHWM") - before)


def resident(field):
    """Megabytes in a field of the process's status."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1024


def exp_rate(threads):
    """Billions of 2^x a second through the kernels' own vectors, the scan's upper limit."""
    import numba
    import numpy as np

    from backend.scan.instructions import BYTES, LANES
    from backend.scan.powers import exp2_bounded
    from backend.scan.simd import load, store, zeros

    @numba.njit(nogil=True, error_model="numpy")
    def loop(address, vectors, repeats):
        total = zeros()
        for _ in range(repeats):
            for i in range(0, vectors, 4):
                at = address + i * BYTES
                a, b = exp2_bounded(load(at)), exp2_bounded(load(at + BYTES))
                c, d = exp2_bounded(load(at + 2 * BYTES)), exp2_bounded(load(at + 3 * BYTES))
                total = total + (a + b) + (c + d)
        store(address, total)

    def work(_):
        values = np.zeros(256 * LANES, np.float32)
        begin = time.thread_time()
        loop(values.ctypes.data, 256, 20_000)
        return time.thread_time() - begin

    work(0)
    with ThreadPoolExecutor(threads) as pool:
        return sum(256 * LANES * 20_000 / seconds / 1e9 for seconds in pool.map(work, range(threads)))


def copy_rate(device):
    """Gigabytes a second read and written by a copy."""
    source = torch.ones(2**26, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    best = min(timed(target.copy_, device, source)[0] for _ in range(5))
    return 2 * 4 * source.numel() / best / 1e6


def candidates(device, length, wanted):
    """Forms that can run, without the slow ones where they would take minutes."""
    names = [form.name for form in forms(device) if form.available]
    names += ["mamba.py"] if importlib.util.find_spec("mambapy") else []
    return [name for name in names if length <= SLOW.get(name, length) and (not wanted or name in wanted)]


def measure(shape, device, rounds, exps, copies, wanted=()):
    """Print the table of one shape and give it as {form: {column: text}}.

    `x` compares clock times with the first form's, `cpu x` processor times.

    When other programs keep the machine busy, only the second is to be trusted. `of exp` and `of copy` hold the forward
    against the machine's own limits: as many exponentials, or as many bytes, in the same time.
    """
    batch, length, channels, states = SHAPES[shape]
    names = candidates(device, length, wanted)
    tensors = operands(*SHAPES[shape], device)
    taken = {(name, kind): [] for name in names for kind in (forward, training)}
    for turn in range(rounds + 1):
        for name, kind in taken:
            if name != "reference" or (kind is forward and turn < 2):
                taken[name, kind].append(timed(kind, device, name, tensors))
    print(f"\n{shape}: B={batch} L={length} D={channels} N={states}")
    heads = (
        "forward ms",
        "x",
        "cpu x",
        "fwd+bwd ms",
        "x ",
        "cpu x ",
        "MB",
        "error y",
        "error grad",
        "of exp",
        "of copy",
    )
    print(f"{'form':10}" + "".join(f"{head:>11}" for head in heads))
    table = {}
    for name in names:
        cells = []
        for kind in (forward, training):
            own, first = typical(taken[name, kind]), typical(taken[names[0], kind])
            cells += [f"{own[0]:.2f}", f"{own[0] / first[0]:.1f}", f"{own[1] / first[1]:.1f}"]
        trained = name != "reference"
        wrong = errors(name, tensors) if trained else (float("nan"),) * 2
        cells += [
            f"{memory(name, shape, device) if trained else float('nan'):.0f}",
            *(f"{error:.1e}" for error in wrong),
        ]
        updates = batch * length * channels * states / 1e6
        busy = typical(taken[name, forward])[1] / torch.get_num_threads()
        cells += [f"{updates / busy / exps:.0%}" if exps else "-"]
        # What a forward must at least read and write: u, delta, z and y, B and C.
        bytes_moved = 4 * batch * length * (4 * channels + 2 * states)
        cells += [f"{bytes_moved / typical(taken[name, forward])[0] / 1e6 / copies:.0%}"]
        print(f"{name:10}" + "".join(f"{cell:>11}" for cell in cells))
        floor = bytes_moved / copies / 1e6  # milliseconds
        table[name] = {**dict(zip(heads, cells, strict=True)), "forward floor ms": f"{floor:.4f}"}
    return table


def keep(device, copies, tables):
    """Write what was measured on a card into the repository; gives the file."""
    card = torch.cuda.get_device_name(device)
    name = "".join(sign if sign.isalnum() else "_" for sign in card.lower())
    content = {
        "card": card,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "copy GB/s": round(copies, 1),
        "forms": {form.name: form.sentence for form in forms(device)},
        "shapes": {shape: {"B, L, D, N": SHAPES[shape], "forms": table} for shape, table in tables.items()},
    }
    file = FIGURES / f"scan_{name}.json"
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return file


def typical(times):
    """Medians of clock and processor time without the first, which warms up; NaN for a form that was not run."""
    if len(times) < 2:
        return float("nan"), float("nan")
    return tuple(statistics.median(column) for column in zip(*times[1:], strict=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--forms", nargs="*", default=[], help="only these, the first one the measure of the others")
    parser.add_argument("--memory", nargs=2, metavar=("FORM", "SHAPE"))
    options = parser.parse_args()
    if options.memory:
        print_memory(*options.memory)
        return
    keep_freed_memory()  # as the backend does
    device = options.device
    threads = torch.get_num_threads()
    print(f"torch {torch.__version__}, {device}, {threads} threads, {os.cpu_count()} cores")
    print(f"{chosen_form(device).name}: {chosen_form(device).sentence}")
    if not importlib.util.find_spec("mambapy"):
        print("mamba.py: not installed (pip install mambapy)")
    exps = exp_rate(threads) if device == "cpu" else 0.0
    copies = copy_rate(device)
    print(f"copy {copies:.1f} GB/s" + (f", exp {exps:.1f} G/s" if exps else ""))
    tables = {shape: measure(shape, device, options.rounds, exps, copies, options.forms) for shape in options.shapes}
    if device.startswith("cuda"):
        print(f"Written to {keep(device, copies, tables)}")


if __name__ == "__main__":
    main()
