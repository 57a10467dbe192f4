"""The compiled form among threads and processes: same results, a cache several may fill, no deadlock after fork."""

from __future__ import annotations

import copy
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from mixel.backend import jit, memory
from mixel.backend.scan import MambaBlock, pool, selective_scan

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import torch
from pathlib import Path
from backend import jit
from backend.scan import MambaBlock, scan_kernels
torch.manual_seed(0)
block, tokens = MambaBlock(16), torch.randn(2, 40, 16)
loss = block(tokens).square().sum()
loss.backward()
print(f"{loss.item():.9e} {block.A_log.grad.sum().item():.9e} {jit.cache_folder(Path(scan_kernels.__file__).parent)}")
"""


SPAWNING = """
import multiprocessing
import torch
from backend.scan import MambaBlock

def loss():
    torch.manual_seed(0)
    return MambaBlock(40)(torch.randn(3, 200, 40)).square().sum().item()

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as child:
        print(abs(child.apply_async(loss).get(200) / loss() - 1) < 1e-5)
"""


def gradients(case):
    """Loss and one gradient of (block, tokens), on a copy of the block."""
    block = copy.deepcopy(case[0])
    loss = block(case[1]).square().sum()
    loss.backward()
    return loss.item(), block.A_log.grad.sum().item()


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def scan_with(count, threads):
    from test_scan import operands, run

    threads(count)
    return run(operands(batch=3, length=150, channels=80, states=16), "numba")


def test_any_number_of_threads_gives_the_same_bits(threads):
    one, *others = (scan_with(count, threads) for count in (1, 2, 5))
    for other in others:
        assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
        assert all(torch.equal(one[2][name], other[2][name]) for name in one[2])


def test_calls_from_several_threads_at_once():
    cases = [(MambaBlock(40), torch.randn(3, 200, 40)) for _ in range(8)]
    expected = [gradients(case) for case in cases]
    with ThreadPoolExecutor(4) as several:
        for found, wanted in zip(several.map(gradients, cases), expected, strict=True):
            assert found == pytest.approx(wanted, rel=1e-4)


def test_pool_hands_on_what_goes_wrong(threads):
    threads(3)

    def work(part):
        if part == 5:
            raise ValueError("part 5")

    with pytest.raises(ValueError, match="part 5"):
        pool.run(8, work)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forked_child_computes_after_parent_used_its_threads(threads):
    from test_scan import operands

    threads(2)
    scan_with(2, threads)
    # torch's own threads do not survive a fork, so the child leaves torch's operators alone; ours must survive.
    tensors = operands(batch=3, length=100, channels=80, states=16)
    queue = multiprocessing.get_context("fork").SimpleQueue()

    def compute():
        queue.put(selective_scan(**tensors, form="numba").numpy().tobytes())

    child = multiprocessing.get_context("fork").Process(target=compute)
    child.start()
    found = queue.get()
    child.join(60)
    assert found == selective_scan(**tensors, form="numba").numpy().tobytes()


def test_spawned_child_computes(tmp_path):
    (tmp_path / "spawning.py").write_text(SPAWNING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "spawning.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "True", done.stderr


def started(environment):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_processes_fill_one_empty_cache_at_once(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    both = [started(environment) for _ in range(2)]
    outputs = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert outputs[0][0] == outputs[1][0]
    assert str(tmp_path) in outputs[0][0].decode()
    assert list(tmp_path.rglob("*.nbc"))
    again = started(environment)
    assert again.communicate(timeout=300)[0] == outputs[0][0]


def test_cache_goes_where_it_may_be_written(tmp_path, monkeypatch):
    from mixel.backend import jit

    taken = tmp_path / "a file"
    taken.write_text("in the way")
    monkeypatch.setattr(jit, "_roots", lambda: [taken, tmp_path / "user"])
    jit.cache_folder.cache_clear()
    try:
        assert jit.cache_folder(tmp_path).is_relative_to(tmp_path / "user")
        monkeypatch.setattr(jit, "_roots", lambda: [taken])
        jit.cache_folder.cache_clear()
        assert jit.cache_folder(tmp_path).is_dir()
    finally:
        jit.cache_folder.cache_clear()


def test_a_changed_source_gets_a_cache_of_its_own(tmp_path):
    from mixel.backend import jit

    source = tmp_path / "kernels.py"
    folders = []
    for text in ("a = 1", "a = 2", "a = 1"):
        source.write_text(text)
        jit.cache_folder.cache_clear()
        folders.append(jit.cache_folder(tmp_path))
    assert folders[0] != folders[1] and folders[0] == folders[2]


def test_freed_memory_is_kept_only_where_it_can_be():
    script = "from backend.memory import keep_freed_memory; print(keep_freed_memory())"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(sys.platform.startswith("linux"))


def test_memory_is_left_alone_on_other_systems(monkeypatch):
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False


def test_numba_is_imported_at_first_use_only():
    script = "import sys, backend.scan; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_parts_of_kernels_run_in_kernels_and_refuse_to_be_called_by_themselves() -> None:
    @jit.inlined
    def double(value: int) -> int:
        return 2 * value

    @jit.kernel
    def twice(value: int) -> int:
        return double(double(value))

    assert twice(3) == 12
    with pytest.raises(TypeError):
        double(3)
