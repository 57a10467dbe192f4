"""Mamba-in-Mamba's orders, masks and blocks against plain loops; the released code's errors must not come back."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from mixel.backend.methods.mim.blocks import HalfScans, MimBlock, TokenFuser, TokenGate, TokenLearner
from mixel.backend.methods.mim.orders import (
    feature_decay,
    halves,
    index_decay,
    pooling,
    pools,
    scan_orders,
    token_counts,
)
from mixel.backend.scan import selective_scan

PATCHES = [3, 5, 7, 9, 15]


def snake(rows: list[list[int]]) -> list[int]:
    """Row by row, there and back, written out."""
    found = []
    for number, row in enumerate(rows):
        found += row if number % 2 == 0 else row[::-1]
    return found


@pytest.mark.parametrize("patch", PATCHES)
def test_scan_orders_are_snakes_through_four_views_of_the_patch(patch: int) -> None:
    last = patch - 1
    plain = [[row * patch + col for col in range(patch)] for row in range(patch)]
    turned = [[col * patch + row for col in range(patch)] for row in range(patch)]
    mirrored = [row[::-1] for row in plain]
    quarter = [[plain[last - col][row] for col in range(patch)] for row in range(patch)]
    expected = [snake(view) for view in (plain, turned, mirrored, quarter)]
    assert scan_orders(patch).tolist() == expected


@pytest.mark.parametrize("patch", PATCHES)
def test_the_centre_is_the_middle_token_of_every_scan_and_steps_are_to_neighbours(patch: int) -> None:
    orders = scan_orders(patch)
    middle = patch * patch // 2
    assert (orders[:, middle] == middle).all()
    assert (orders.sort(dim=1).values == torch.arange(patch * patch)).all()
    rows, cols = orders // patch, orders % patch
    assert ((rows.diff(dim=1).abs() + cols.diff(dim=1).abs()) == 1).all()


def test_quarter_turn_is_clockwise() -> None:
    """The lower left corner comes first."""
    assert scan_orders(3)[3].tolist() == [6, 3, 0, 1, 4, 7, 8, 5, 2]


@pytest.mark.parametrize(
    ("patch", "counts"), [(3, [9, 1]), (5, [25, 9, 1]), (7, [49, 25, 9, 1]), (15, [225, 25, 9, 1])]
)
def test_scales_go_down_to_one_token(patch: int, counts: list[int]) -> None:
    assert token_counts(patch) == counts


@pytest.mark.parametrize("tokens", [9, 25, 49])
def test_decay_by_place_is_the_gaussian_of_each_half_that_ends_at_the_centre(tokens: int) -> None:
    half = (tokens + 1) // 2
    centre = half - 1
    sigma = sum(centre - place for place in range(half)) / half
    expected = [math.exp(-((place - centre) ** 2) / (2 * sigma**2)) for place in range(half)]
    found = index_decay(tokens)
    torch.testing.assert_close(found[:half], torch.tensor(expected))
    torch.testing.assert_close(found, found.flip(0))


def test_decay_by_place_really_masks() -> None:
    """Defects M1 and M2: it is 1 at the centre, not beside it, and the rim counts much less."""
    decay = index_decay(49)
    assert decay.argmax() == 24
    assert decay[24] == 1
    assert decay[0] < 0.2


def test_decay_by_likeness_is_the_gaussian_of_the_distance_to_the_centre() -> None:
    tokens = torch.randn(3, 9, 5)
    expected = torch.empty(3, 9)
    for number, sequence in enumerate(tokens):
        distances = [(token - sequence[4]).norm().item() for token in sequence]
        rho = sum(distances) / 9
        expected[number] = torch.tensor([math.exp(-((one / rho) ** 2) / 2) for one in distances])
    torch.testing.assert_close(feature_decay(tokens), expected, rtol=1e-3, atol=1e-4)


def test_alike_tokens_are_not_masked_and_have_a_finite_slope() -> None:
    tokens = torch.ones(2, 9, 5, requires_grad=True)
    decay = feature_decay(tokens)
    assert (decay == 1).all()
    decay.sum().backward()
    assert torch.isfinite(tokens.grad).all()


@pytest.mark.parametrize(("tokens", "kept"), [(49, 25), (25, 9), (9, 1)])
def test_pooling_is_torchs(tokens: int, kept: int) -> None:
    values = torch.randn(2, tokens, 6)
    expected = torch.nn.functional.adaptive_avg_pool1d(values.transpose(1, 2), kept).transpose(1, 2)
    torch.testing.assert_close(pooling(tokens, kept) @ values, expected)


def test_pools_are_the_rows_of_the_pooling_matrix() -> None:
    for row, places in zip(pooling(49, 25), pools(49, 25), strict=True):
        assert row.nonzero().flatten().tolist() == list(places)


@pytest.mark.parametrize("tokens", [1, 9, 49])
def test_halves_end_at_the_centre(tokens: int) -> None:
    first, second = halves(tokens).tolist()
    assert first == list(range(tokens // 2 + 1))
    assert second == list(range(tokens - 1, tokens // 2 - 1, -1))


def test_a_block_may_project_before_or_after_it_gathers_and_pools() -> None:
    """What is done once per pixel at the first scale equals what is done patch by patch."""
    torch.manual_seed(0)
    block, tokens = MimBlock(16, 25, 9, 4, 0.0, True, "relu"), torch.randn(3, 25, 16)
    scanned, beside = block.project(tokens)
    hoisted = block(scanned[:, halves(25)], pooling(25, 9) @ beside, block.mask(tokens))
    torch.testing.assert_close(hoisted, block.next(tokens), rtol=1e-4, atol=1e-5)


def test_half_scans_against_the_recurrence_written_out() -> None:
    torch.manual_seed(1)
    scans, x = HalfScans(8, 3), torch.randn(2, 9, 8)
    with torch.no_grad():
        found = scans(scans.prepare(x)[:, halves(9)])
        u = torch.nn.functional.silu(x)
        low, B, C = torch.split(scans.drive(u), [1, 3, 3], dim=-1)
        delta = torch.nn.functional.softplus(scans.steps(low))
        A = -scans.A_log.exp()

        def read(places: list[int]) -> torch.Tensor:
            state, outputs = torch.zeros(2, 8, 3), []
            for place in places:
                d = delta[:, place, :, None]
                state = torch.exp(d * A) * state + d * B[:, place, None] * u[:, place, :, None]
                outputs.append((state * C[:, place, None]).sum(-1) + scans.D * u[:, place])
            return torch.stack(outputs, dim=1)

        before, after = read([0, 1, 2, 3, 4]), read([8, 7, 6, 5, 4])
    expected = torch.cat([before[:, :4], (before[:, 4:] + after[:, 4:]) / 2, after[:, :4].flip(1)], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_both_half_scans_end_at_the_centre() -> None:
    """Defects M3 and M4: every token reaches the centre, and none reaches one that lies further out."""
    torch.manual_seed(0)
    scans, x = HalfScans(8, 4), torch.randn(1, 25, 8)
    with torch.no_grad():
        plain = scans(scans.prepare(x)[:, halves(25)])
        for place in (0, 7, 11, 13, 20, 24):
            other = x.clone()
            other[:, place] += 1
            moved = (scans(scans.prepare(other)[:, halves(25)]) - plain).abs().amax(dim=(0, 2)) > 0
            reached = range(place, 13) if place < 12 else range(12, place + 1)
            assert set(moved.nonzero().flatten().tolist()) <= set(reached)
            assert moved[12]
            assert moved[place]


def test_the_scans_use_the_sequential_reference_alike() -> None:
    torch.manual_seed(0)
    scans = HalfScans(16, 4)
    rows = scans.prepare(torch.randn(3, 25, 16))
    u, delta, B, C = torch.split(rows[:, :13], scans.widths, dim=-1)
    options = {"delta_softplus": True, "form": "reference"}
    slow = selective_scan(u, delta, -scans.A_log.exp(), B, C, scans.D, None, scans.steps.bias, **options)
    torch.testing.assert_close(scans(rows[:, halves(25)])[:, :12], slow[:, :12], rtol=1e-4, atol=1e-5)


def test_token_learner_against_its_formula() -> None:
    torch.manual_seed(0)
    learner = TokenLearner(8, 5, 0.0)
    tokens, decay = torch.randn(2, 9, 8), torch.rand(2, 9)
    masked = tokens * decay[..., None]
    gate = learner.gate(masked.amax(dim=-1), masked.mean(dim=-1))
    kept = masked * gate[..., None]
    attention = torch.softmax(torch.einsum("sd,btd->bst", learner.scores, kept), dim=-1)
    expected = torch.einsum("bst,bte->bse", attention, torch.einsum("btd,ed->bte", kept, learner.values.weight))
    torch.testing.assert_close(learner(tokens, decay), expected, rtol=1e-4, atol=1e-5)


def test_masked_tokens_are_not_heard() -> None:
    torch.manual_seed(0)
    learner, tokens, decay = TokenLearner(8, 5, 0.0), torch.randn(1, 9, 8), torch.ones(1, 9)
    decay[0, 3] = 0
    other = tokens.clone()
    other[0, 3] += 5
    torch.testing.assert_close(learner(tokens, decay), learner(other, decay))


def test_token_fuser_against_its_formula() -> None:
    """Defect M5: token i of the result is made of token i's gate and never of another one's channels."""
    torch.manual_seed(0)
    fuser, semantic, z = TokenFuser(8, 5), torch.randn(2, 5, 8), torch.randn(2, 5, 8)
    bright = torch.nn.functional.silu(z)
    expected = torch.empty(2, 5, 8)
    for patch in range(2):
        mixed = fuser.mixing @ semantic[patch]
        for token in range(5):
            weights = torch.sigmoid(fuser.weights(bright[patch, token]))
            own = bright[patch, token] * fuser.gate(bright[patch, token].max(), bright[patch, token].mean())
            expected[patch, token] = sum(weights[k] * mixed[k] for k in range(5)) + own
    torch.testing.assert_close(fuser(semantic, z), expected.detach(), rtol=1e-4, atol=1e-5)


def test_gates_can_suppress() -> None:
    """Defect M15: a sigmoid of a ReLU is never below one half."""
    gate = TokenGate()
    low = gate(torch.tensor(-40.0), torch.tensor(-40.0))
    assert low < 0.01
    assert gate(torch.tensor(40.0), torch.tensor(40.0)) > 0.99


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("masked", [True, False])
def test_a_block_hands_on_fewer_normalised_tokens(activation: str, masked: bool) -> None:
    torch.manual_seed(0)
    block, tokens = MimBlock(16, 25, 9, 4, 0.0, masked, activation), torch.randn(3, 25, 16)
    found = block.next(tokens)
    assert found.shape == (3, 9, 16)
    np.testing.assert_allclose(found.mean(dim=-1).detach(), 0, atol=1e-5)
    assert bool((block.mask(tokens) == 1).all()) is not masked
