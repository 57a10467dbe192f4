"""Mamba-in-Mamba's compiled form against the network in torch's operators: same features for all sizes and settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.methods.mim.config import Config
from mixel.backend.methods.mim.fused import Fused, pool_forms
from mixel.backend.methods.mim.network import Mim
from mixel.backend.methods.mim.orders import pools, scan_orders, token_counts

CLASSES = 6
SIZES = [
    {},
    {"patch": 3},
    {"patch": 5},
    {"patch": 9},
    {"patch": 11},
    {"patch": 15},
    {"width": 8, "states": 1},
    {"width": 20, "states": 5},
    {"width": 33, "states": 16},
    {"width": 70, "states": 9},
    {"decay_mask": False},
    {"decay_mask": False, "patch": 3},
    {"activation": "tanh"},
    {"activation": "tanh", "patch": 5, "width": 16},
]


def made(spread: float = 0.2, **changes: object) -> Mim:
    """A network in evaluation whose weights are moved by chance as far as training moves them, or further."""
    torch.manual_seed(3)
    network = Mim(build(Config, {"stem": 1, **changes}), 8, CLASSES).eval()
    with torch.no_grad():
        for one in network.parameters():
            one += spread * torch.randn_like(one) * (one.abs().mean() + 0.05)
    return network


def pixels(rows: int, cols: int, patch: int, width: int, scale: float = 1.0) -> torch.Tensor:
    """Embedded pixels (rows + p - 1, cols + p - 1, d)."""
    return torch.randn(rows + patch - 1, cols + patch - 1, width, generator=torch.Generator().manual_seed(5)) * scale


def slow(network: Mim, features: torch.Tensor, patch: int) -> torch.Tensor:
    """The sum of the scales' features (rows, cols, d), patch by patch in torch's operators, in double precision."""
    network = network.double()
    rows, cols = (size - patch + 1 for size in features.shape[:2])
    span, stride = torch.arange(patch), features.shape[1]
    around = (span[:, None] * stride + span).flatten()
    corners = (torch.arange(rows)[:, None] * stride + torch.arange(cols)).flatten()
    with torch.no_grad():
        flat = features.double().flatten(0, 1)
        block = network.blocks[0]
        table = type(network.table(features[None].double()))(flat, *block.project(flat))
        found = torch.stack(network(table, corners[:, None] + around)).sum(dim=0)
    network.float()
    return found.view(rows, cols, -1)


def worst(network: Mim, found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference in probability."""
    with torch.no_grad():
        chances = [torch.softmax(network.head(one.float()), dim=-1) for one in (found, expected)]
    return float((chances[0] - chances[1]).abs().max())


def compare(network: Mim, features: torch.Tensor, patch: int, within: float = 1e-5) -> None:
    expected = slow(network, features, patch)
    rows, cols = expected.shape[:2]
    found = Fused(network, patch).sums(features, np.ones((rows, cols), dtype=bool))
    assert worst(network, found, expected) < within
    torch.testing.assert_close(found, expected.float(), rtol=10 * within, atol=10 * within)


@pytest.mark.parametrize("changes", SIZES, ids=str)
@pytest.mark.parametrize("spread", [0.0, 0.2, 1.0])
def test_the_compiled_form_equals_the_slow_one(changes: dict, spread: float) -> None:
    network = made(spread, **changes)
    patch, width = changes.get("patch", 7), changes.get("width", 32)
    # Weights so wild amplify single precision's own rounding, in torch's operators too.
    compare(network, pixels(5, 21, patch, width), patch, 1e-5 if spread < 1 else 1e-4)


@pytest.mark.parametrize("scale", [1e-4, 30.0, 1000.0])
def test_pixels_of_any_size(scale: float) -> None:
    network = made()
    features = pixels(4, 6, 7, 32, scale)
    expected = slow(network, features, 7)
    found = Fused(network, 7).sums(features, np.ones((4, 6), dtype=bool))
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_steep_decays_and_long_steps_are_clamped_alike() -> None:
    """Exponents beyond what the short exponential can do."""
    network = made()
    with torch.no_grad():
        for block in network.blocks:
            block.scans.A_log += 4
            block.scans.steps.bias += 3
    compare(network, pixels(4, 5, 7, 32), 7)


def test_alike_pixels_do_not_decay() -> None:
    compare(made(), torch.ones(9, 11, 32), 7)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (2, 3), (35, 2), (36, 19)])
def test_tiles_join_without_a_seam(shape: tuple[int, int]) -> None:
    """Scenes smaller than a tile, and one pixel larger."""
    network = made(patch=5, width=8, states=2)
    compare(network, pixels(*shape, 5, 8), 5)


def test_only_valid_pixels_are_computed_and_do_not_depend_on_the_others() -> None:
    network = made()
    fused, features = Fused(network, 7), pixels(40, 23, 7, 32)
    whole = fused.sums(features, np.ones((40, 23), dtype=bool))
    valid = np.random.default_rng(0).random((40, 23)) < 0.3
    found = fused.sums(features, valid)
    assert torch.equal(found[valid], whole[valid])
    assert not found[~torch.from_numpy(valid)].any()
    assert not fused.sums(features, np.zeros_like(valid)).any()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    network, threads, found = made(), torch.get_num_threads(), []
    features, valid = pixels(50, 41, 7, 32), np.ones((50, 41), dtype=bool)
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            found.append(Fused(network, 7).sums(features, valid))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


def test_broken_pixels_harm_their_own_patches_only() -> None:
    network, features = made(), pixels(16, 30, 7, 32)
    valid = np.ones((16, 30), dtype=bool)
    whole = Fused(network, 7).sums(features, valid)
    features[10, 12] = torch.nan
    found = Fused(network, 7).sums(features, valid)
    struck = torch.zeros(16, 30, dtype=torch.bool)
    struck[4:11, 6:13] = True
    assert torch.equal(found[~struck], whole[~struck])
    assert found[struck].isnan().all()


@pytest.mark.parametrize("width", [16, 20, 32, 40])
def test_what_memory_held_before_does_not_matter(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Padding is never cleared: whatever it holds must not reach a result, not even its last bit."""
    network, features, valid = made(width=width, patch=5), pixels(5, 27, 5, width), np.ones((5, 27), dtype=bool)
    found, empty = [], np.empty
    for filling in (0, 0x3F, 0xFF):  # zeros, numbers near 1, NaN

        def filled(*args: object, filling: int = filling) -> np.ndarray:
            memory = empty(*args)
            memory.fill(filling)
            return memory

        monkeypatch.setattr(np, "empty", filled)
        found.append(Fused(network, 5).sums(features, valid))
        monkeypatch.undo()
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.parametrize(("patch", "forms"), [(3, 1), (5, 13), (7, 8), (9, 21)])
def test_every_pool_is_a_form_at_a_place(patch: int, forms: int) -> None:
    orders, counts = scan_orders(patch).numpy(), token_counts(patch)
    found, places = pool_forms(orders, pools(*counts[:2]), patch)
    assert len(found) == forms
    wanted = [order[list(one)] for order in orders for one in pools(*counts[:2])]
    assert len(places) == len(wanted)
    for (form, row, col), spots in zip(places, wanted, strict=True):
        assert {(row + r) * patch + col + c for r, c in found[form]} == set(spots.tolist())
