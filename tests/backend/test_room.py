"""Windows cut to what a card's memory holds; the card is played, its memory and its errors too."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mixel.backend import room
from mixel.backend.cube import Cube, Window

CUDA, CPU = torch.device("cuda", 0), torch.device("cpu")
FULL = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.fixture
def card(monkeypatch):
    """A played card: ``free`` bytes, ``taken`` by the last piece of work, and how often stock was given back."""
    state = SimpleNamespace(free=1e12, taken=0, released=0)

    def give_back():
        state.released += 1

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device=None: (state.free, 1e12))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device=None: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device=None: 0)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device=None: state.taken)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device=None: None)
    monkeypatch.setattr(torch.cuda, "empty_cache", give_back)
    return state


def scene(rows=37, cols=50, halo=(3, 0, 4, 2)):
    values = np.random.default_rng(0).random((2, rows + halo[0] + halo[1], cols + halo[2] + halo[3]), np.float32)
    return Cube(Window(100, 200, rows, cols, halo), values, values[0] > 0.05)


def neighbours(cube, most=float("inf"), seen=None):
    """The mean of the pixels two to each side, NaN in the halo; needs memory for `most` pixels at the most."""
    (seen if seen is not None else []).append(cube.valid.size)
    if cube.window.rows * cube.window.cols > most:
        raise FULL
    padded = np.pad(cube.reflectance, ((0, 0), (2, 2), (2, 2)))
    count = np.pad(np.ones(cube.valid.shape), 2)
    rows, cols = cube.valid.shape
    windows = [(slice(i, i + rows), slice(j, j + cols)) for i in range(5) for j in range(5)]
    total = sum(padded[:, r, c] for r, c in windows) / sum(count[r, c] for r, c in windows)
    found = np.full(cube.reflectance.shape, np.nan, np.float32)
    core = cube.window.core
    found[:, core[0], core[1]] = total[:, core[0], core[1]]
    return found, np.where(cube.valid, found[0], np.nan)


@pytest.mark.parametrize("most", [2000, 1000, 500, 100])
@pytest.mark.parametrize("halo", [(3, 0, 4, 2), (0, 0, 0, 0), (9, 9, 9, 9)])
def test_parts_give_what_the_whole_gives(card, most, halo):
    cube = scene(halo=halo)
    whole = neighbours(cube)
    parts = room.Room(CUDA).mapped(cube, 2, lambda part: neighbours(part, most))
    for one, other in zip(parts, whole, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-5)
    assert (card.released > 0) == (most < 37 * 50)


def test_what_did_not_fit_is_not_tried_again(card):
    own, seen = room.Room(CUDA), []
    own.mapped(scene(), 2, lambda part: neighbours(part, 500, seen))
    failed = card.released
    own.mapped(scene(), 2, lambda part: neighbours(part, 500, seen))
    assert card.released == failed and failed <= 3


def test_a_card_that_another_program_fills_gets_smaller_parts_before_it_fails(card):
    own, seen = room.Room(CUDA), []
    card.taken = 4e6
    own.mapped(scene(), 2, lambda part: neighbours(part, seen=seen))
    assert len(seen) == 1
    card.free = 2e6
    own.mapped(scene(), 2, lambda part: neighbours(part, seen=seen))
    assert len(seen) > 2 and card.released == 0


def test_a_card_that_holds_nothing_ends_with_what_to_lower(card):
    with pytest.raises(ValueError, match=r"memory is full.*smaller feature width.*device 'cpu'"):
        room.Room(CUDA).mapped(scene(), 2, lambda part: neighbours(part, 0))


def test_other_errors_are_not_taken_for_a_lack_of_memory(card):
    def broken(part):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        room.Room(CUDA).mapped(scene(), 2, broken)
    assert card.released == 0


def test_the_processor_works_on_the_whole():
    seen = []
    room.Room(CPU).mapped(scene(), 2, lambda part: neighbours(part, seen=seen))
    assert len(seen) == 1


def test_batches_are_halved_and_every_piece_is_worked_on_once(card):
    done = []

    def work(part):
        if part.stop - part.start > 5:
            raise RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)")
        done.extend(range(part.start, part.stop))

    room.in_batches(43, 32, work, CUDA)
    assert done == list(range(43)) and card.released == 3


def test_a_batch_of_one_that_does_not_fit_ends_with_a_sentence(card):
    def work(part):
        raise FULL

    with pytest.raises(ValueError, match="memory is full"):
        room.in_batches(5, 4, work, CUDA)


def test_batches_are_as_large_as_free_memory_and_no_larger_than_useful(card):
    card.free = 1e6
    assert room.batch(CUDA, 1000, 5000) == 700
    assert room.batch(CUDA, 1, 5000) == 5000 and room.batch(CUDA, 1e9, 5000) == 64
    assert room.batch(CPU, 1e9, 5000) == 5000


def test_stock_that_torch_holds_counts_as_free(card, monkeypatch):
    card.free = 1e6
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device=None: 3e6)
    assert room.free(CUDA) == 4e6


@pytest.mark.parametrize("error", [FULL, room.CardFull(), RuntimeError("CUDA error: unspecified"), AssertionError()])
def test_a_training_that_breaks_on_a_card_mixel_chose_runs_on_the_processor(card, error):
    tried, told = [], []

    def fit(device):
        tried.append(device.type)
        if device.type == "cuda":
            raise error
        return "fitted"

    assert room.fitted(fit, CUDA, True, told.append) == "fitted"
    assert tried == ["cuda", "cpu"] and len(told) == 1 and "the processor is used instead" in told[0]
    assert card.released == 1


def test_a_training_on_a_card_that_was_asked_for_is_refused(card):
    def fit(device):
        raise FULL

    with pytest.raises(ValueError, match="memory is full"):
        room.fitted(fit, CUDA, False, pytest.fail)


def test_a_refusal_is_no_fault_of_the_card():
    def fit(device):
        raise ValueError("There are no training pixels.")

    with pytest.raises(ValueError, match="no training pixels"):
        room.fitted(fit, CUDA, True, pytest.fail)


class Breaking:
    """Fitted; on the card its first window works and the second breaks."""

    num_parameters = 7

    def __init__(self, error):
        self.error, self.windows, self.device = error, 0, "cuda"

    def classify(self, cube):
        self.windows += 1
        if self.device == "cuda" and self.windows == 2:
            raise self.error
        return self.device

    def to_processor(self):
        self.device = "cpu"


@pytest.mark.parametrize(
    "error", [FULL, room.CardFull(), RuntimeError("CUDA error: device lost"), NotImplementedError()]
)
def test_a_card_that_breaks_while_it_maps_leaves_the_rest_to_the_processor(card, error):
    told, fitted = [], Breaking(error)
    careful = room.OnCard(fitted, CUDA, told.append)
    fitted.to_processor = pytest.fail  # what a broken card holds cannot be read any more
    assert [careful.classify(None) for _ in range(3)] == ["cuda", "cpu", "cpu"]
    assert len(told) == 1 and "processor is used from here on" in told[0] and card.released == 1
    assert careful.num_parameters == 7 and not hasattr(careful, "unmix")


@pytest.mark.parametrize("error", [ValueError("The scene has 3 bands."), OSError("gone")])
def test_a_scene_that_cannot_be_mapped_is_no_fault_of_the_card(card, error):
    careful = room.OnCard(Breaking(error), CUDA, pytest.fail)
    careful.classify(None)
    with pytest.raises(type(error)):
        careful.classify(None)


def test_a_broken_card_that_takes_nothing_back_is_left_all_the_same(card, monkeypatch):
    def broken():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "empty_cache", broken)
    told = []

    def fit(device):
        if device.type == "cuda":
            broken()
        return "fitted"

    assert room.fitted(fit, CUDA, True, told.append) == "fitted" and len(told) == 1
