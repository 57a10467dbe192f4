"""The parts of the unmixing-guided Mamba: squares and orders against loops, streams, variants, gradients, draws."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.methods import pieces
from mixel.backend.methods.contract import Labelled
from mixel.backend.methods.patches import Normalisation
from mixel.backend.methods.squares import Squares, guided_order, needed, put_back, raster_order, reach, taken
from mixel.backend.methods.tiles import Draw, Known, Tile, changed, known, read, seen
from mixel.backend.methods.ugm.config import Config
from mixel.backend.methods.ugm.network import Stream, Ugm
from mixel.backend.methods.ugm.variants import first_variants

SMALL = {"stem": 3, "width": 16, "states": 2, "square": 4, "num_endmembers": 3, "num_variants": 2}


def network(**changes: object) -> Ugm:
    torch.manual_seed(0)
    return Ugm(build(Config, {**SMALL, **changes}), 5, torch.rand(3, 2, 9) * 0.5 + 0.1, 4)


@pytest.mark.parametrize("shape", [(8, 8), (1, 1), (7, 10), (3, 17)])
@pytest.mark.parametrize("origin", [(0, 0), (5, 2), (12, 9)])
@pytest.mark.parametrize("shift", [0, 2])
def test_squares_against_a_loop(shape: tuple[int, int], origin: tuple[int, int], shift: int) -> None:
    """A pixel's square and its place in it follow from its row and column in the scene alone."""
    rows, cols = shape
    numbers = torch.arange(1, rows * cols + 1).view(1, rows, cols, 1).float()
    squares = Squares.at(origin, shape, 4, shift)
    tokens = squares.cut(numbers)[..., 0]
    expected: dict[tuple[int, int], dict[int, float]] = {}
    for row in range(rows):
        for col in range(cols):
            above, before = origin[0] + row - shift, origin[1] + col - shift
            place = above % 4 * 4 + before % 4
            expected.setdefault((above // 4, before // 4), {})[place] = float(numbers[0, row, col, 0])
    found = [{place: value for place, value in enumerate(line.tolist()) if value} for line in tokens]
    assert [one for one in found if one] == [expected[key] for key in sorted(expected)]
    torch.testing.assert_close(squares.join(tokens[..., None]), numbers)


def test_squares_of_several_tiles_stay_apart() -> None:
    values = torch.rand(3, 6, 5, 2)
    squares = Squares.at((1, 2), (6, 5), 4, 2)
    torch.testing.assert_close(squares.join(squares.cut(values)), values)
    torch.testing.assert_close(squares.cut(values)[: len(squares.cut(values)) // 3], squares.cut(values[:1]))


def test_the_guided_order_against_sorting_by_hand() -> None:
    """Clusters by dominant endmember, within each the most abundant first, then what is not valid."""
    generator = torch.Generator().manual_seed(1)
    abundances = torch.softmax(2 * torch.randn(5, 16, 3, generator=generator), dim=-1)
    valid = torch.rand(5, 16, generator=generator) > 0.2
    order = guided_order(abundances, valid)
    for line, shares, there in zip(order.tolist(), abundances, valid, strict=True):

        def key(token: int, shares: torch.Tensor = shares, there: torch.Tensor = there) -> tuple:
            return not there[token], int(shares[token].argmax()), -float(shares[token].max())

        kept = int(there.sum())
        assert line[:kept] == sorted(range(16), key=key)[:kept]
        assert sorted(line) == list(range(16))


def test_every_pixel_is_read_once() -> None:
    """Defect G4: in the released code most pixels never enter a scan."""
    order = guided_order(torch.softmax(torch.randn(7, 64, 6), dim=-1), torch.ones(7, 64, dtype=torch.bool))
    assert (order.sort(dim=1).values == torch.arange(64)).all()


def test_pixels_of_equal_abundance_stay_in_the_order_of_rows() -> None:
    order = guided_order(torch.full((2, 9, 4), 0.25), torch.ones(2, 9, dtype=torch.bool))
    assert order.tolist() == [list(range(9))] * 2


def test_pure_pixels_of_one_cluster_come_before_the_next_cluster() -> None:
    shares = torch.tensor([[[0.4, 0.3, 0.3], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.6, 0.4]]])
    assert guided_order(shares, torch.ones(1, 4, dtype=torch.bool)).tolist() == [[2, 0, 1, 3]]


def test_the_order_without_guidance_is_that_of_rows() -> None:
    valid = torch.tensor([[True, False, True, True]])
    assert raster_order(valid).tolist() == [[0, 2, 3, 1]]


def test_tokens_come_back_where_they_were() -> None:
    tokens, order = torch.randn(4, 9, 3), torch.stack([torch.randperm(9) for _ in range(4)])
    moved = taken(tokens, order)
    torch.testing.assert_close(moved[2], tokens[2, order[2]])
    torch.testing.assert_close(put_back(moved, order), tokens)


@pytest.mark.parametrize(("side", "blocks"), [(4, 1), (4, 2), (6, 3), (2, 4), (8, 2)])
def test_how_far_blocks_reach_against_a_search(side: int, blocks: int) -> None:
    """Pixels that share a square in any block, block after block, in one dimension."""
    length = 10 * side * blocks
    farthest = 0
    for start in range(length // 2, length // 2 + side):
        seen_by = {start}
        for block in reversed(range(blocks)):
            shift = block % 2 * side // 2
            parts = {(place - shift) // side for place in seen_by}
            seen_by = {place for place in range(length) if (place - shift) // side in parts}
        farthest = max(farthest, start - min(seen_by), max(seen_by) - start)
    assert reach(side, blocks) == farthest


@pytest.mark.parametrize("changes", [{}, {"num_blocks": 1}, {"num_blocks": 3, "num_variants": 2}, {"guidance": False}])
def test_every_weight_is_trained(changes: dict) -> None:
    """Defect G11: the released network holds 76,198 weights that nothing uses."""
    net = network(**changes)
    values, valid = torch.randn(2, 9, 7, 5), torch.ones(2, 9, 7, dtype=torch.bool)
    scores, unmixed = net(values, valid, (0, 0))
    rebuilt = net.unmixing.rebuilt(unmixed)
    (scores.square().mean() + (rebuilt - 0.3).square().mean()).backward()
    without = [name for name, one in net.named_parameters() if one.grad is None or not one.grad.abs().sum() > 0]
    assert without == []
    assert all(torch.isfinite(one.grad).all() for one in net.parameters())


def test_the_classes_teach_the_abundances_only_under_guidance() -> None:
    """Defect G5: an order has no gradient; the embedding of the abundances has one."""
    for guidance in (True, False):
        net = network(guidance=guidance)
        scores, _ = net(torch.randn(1, 8, 8, 5), torch.ones(1, 8, 8, dtype=torch.bool), (0, 0))
        scores.square().mean().backward()
        slope = net.unmixing.logits.weight.grad
        assert (slope is not None and bool(slope.abs().sum() > 0)) is guidance


def test_without_guidance_the_unmixing_does_not_reach_the_stem() -> None:
    net = network(guidance=False)
    unmixed = net.unmix(torch.randn(1, 8, 8, 5), torch.ones(1, 8, 8, dtype=torch.bool))
    net.unmixing.rebuilt(unmixed).square().mean().backward()
    assert all(one.grad is None for one in net.stem.parameters())
    assert net.unmixing.raw.grad.abs().sum() > 0


def test_abundances_decide_the_class_through_order_and_embedding() -> None:
    net = network().eval()
    values, valid = torch.randn(1, 8, 8, 5), torch.ones(1, 8, 8, dtype=torch.bool)
    with torch.no_grad():
        before = net(values, valid, (0, 0))[0]
        net.unmixing.logits.bias.add_(torch.tensor([3.0, 0, 0]))
        after = net(values, valid, (0, 0))[0]
    assert not torch.allclose(before, after, atol=1e-4)


def test_shares_are_shares_and_spectra_positive_however_far_the_weights_go() -> None:
    """Defect G9: absolute values divided by their sum have no slope at 0."""
    net = network()
    with torch.no_grad():
        net.unmixing.raw.sub_(50)
        net.unmixing.logits.weight.mul_(1e4)
    unmixed = net.unmix(torch.randn(1, 6, 5, 5), torch.ones(1, 6, 5, dtype=torch.bool))
    assert net.unmixing.spectra().min() >= 0
    for shares in (unmixed.abundances, unmixed.variants):
        assert shares.min() >= 0
        torch.testing.assert_close(shares.sum(dim=-1), torch.ones(shares.shape[:-1]))


def test_spectra_start_where_they_are_put_even_extreme_ones() -> None:
    start = torch.tensor([1e-3, 0.05, 0.3, 1.0, 40.0]).expand(2, 3, 5)
    net = Ugm(build(Config, {**SMALL, "num_endmembers": 2, "num_variants": 3}), 5, start, 4)
    torch.testing.assert_close(net.unmixing.spectra(), start, rtol=1e-3, atol=1e-5)


def test_a_reconstruction_is_the_sum_over_endmembers_and_variants() -> None:
    net = network()
    unmixed = net.unmix(torch.randn(1, 4, 3, 5), torch.ones(1, 4, 3, dtype=torch.bool))
    expected = torch.einsum("bhwr,bhwrv,rvl->bhwl", unmixed.abundances, unmixed.variants, net.unmixing.spectra())
    torch.testing.assert_close(net.unmixing.rebuilt(unmixed), expected)


def test_a_stream_is_the_gate_of_its_formula() -> None:
    """Defect G10: one channel for k and v each, of the pixel itself."""
    stream, features = Stream(6), torch.randn(2, 3, 4, 6)
    k, v = (features @ stream.gates.weight.T + stream.gates.bias).unbind(-1)
    q = features @ stream.query.weight.T + stream.query.bias
    torch.testing.assert_close(stream(features), features + torch.tanh(q * k[..., None]) * v[..., None])


def test_pixels_do_not_know_where_in_the_image_they_lie() -> None:
    """Defect G6: a square moved by whole squares gives the same, wherever it lies."""
    net = network().eval()
    values, valid = torch.randn(1, 4, 4, 5), torch.ones(1, 4, 4, dtype=torch.bool)
    with torch.no_grad():
        found = [net(values, valid, origin)[0] for origin in ((0, 0), (4, 8), (4000, 16))]
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[2])


def made_cube() -> Cube:
    generator = np.random.default_rng(0)
    valid = np.ones((6, 5), bool)
    valid[1, 2] = False
    values = np.where(valid, generator.uniform(0.1, 0.6, (9, 6, 5)), 0).astype(np.float32)
    return Cube(Window(10, 20, 4, 3, (1, 1, 2, 0)), values, valid)


def test_a_tile_knows_its_place_labels_and_reflectance() -> None:
    cube = made_cube()
    normalisation = Normalisation.of(cube.pixels, 5)
    tile, labels = read(cube, normalisation), np.arange(30, dtype=np.int16).reshape(6, 5)
    assert tile.origin == (9, 18)
    assert tile.values.shape == (1, 6, 5, 5)
    assert tile.values[0, 1, 2].abs().sum() == 0
    torch.testing.assert_close(known(Labelled(cube, labels), normalisation).labels[0].numpy(), labels.astype(np.int64))
    np.testing.assert_array_equal(seen(cube, normalisation).reflectance[:, 7].numpy(), cube.reflectance[:, 1, 2])


def test_tiles_are_turned_with_their_labels() -> None:
    values = torch.rand(1, 4, 6, 2)
    labels = (values[..., 0] * 1000).long()
    tile = Known(values, values[..., 1] > 0.3, (3, 1), labels)
    generator = torch.Generator().manual_seed(0)
    shapes, origins = set(), set()
    for _ in range(40):
        found = changed(tile, 0.0, 4, generator)
        torch.testing.assert_close(found.labels, (found.values[..., 0] * 1000).long())
        assert torch.equal(found.valid, found.values[..., 1] > 0.3)
        shapes.add(tuple(found.values.shape))
        origins.add(found.origin)
        assert max(found.origin) < 4
    assert shapes == {(1, 4, 6, 2), (1, 6, 4, 2)}
    assert len(origins) > 8


def test_noise_changes_the_spectra_and_nothing_else() -> None:
    tile = Known(torch.ones(1, 5, 5, 3), torch.ones(1, 5, 5, dtype=torch.bool), (0, 0), torch.ones(1, 5, 5).long())
    found = changed(tile, 0.2, 4, torch.Generator().manual_seed(3))
    assert 0.05 < float(found.values.std()) < 0.5
    assert torch.equal(found.labels, tile.labels)


def _tiles(sizes: list[int]) -> list[Tile]:
    return [Tile(torch.zeros(1, size, 1, 1), torch.ones(1, size, 1, dtype=torch.bool), (size, 0)) for size in sizes]


def test_every_tile_is_drawn_once_before_any_is_drawn_twice() -> None:
    draw = Draw(_tiles([3, 4, 5, 6, 7]), 10, seed=0)
    drawn = []
    while len(drawn) < 50:
        step = draw()
        assert sum(tile.valid.numel() for tile in step) <= 10 or len(step) == 1
        assert len({tile.origin for tile in step}) == len(step)
        drawn += [tile.origin[0] for tile in step]
    for start in range(0, 50, 5):
        assert sorted(drawn[start : start + 5]) == [3, 4, 5, 6, 7]


def test_a_tile_too_large_for_a_step_is_drawn_alone_and_few_are_drawn_whole() -> None:
    assert len(Draw(_tiles([100]), 10, seed=0)()) == 1
    assert len(Draw(_tiles([1, 2, 3]), 1000, seed=0)()) == 3


def test_variants_start_at_the_corner_and_the_pixels_most_like_it() -> None:
    pixels = np.array([[1, 0], [0, 1], [0.5, 0.02], [0.9, 0.4], [0.01, 0.7]], np.float32)
    found = first_variants(pixels, pixels[:2], 3)
    np.testing.assert_array_equal(found[0], pixels[[0, 2, 3]])
    np.testing.assert_array_equal(found[1, :2], pixels[[1, 4]])
    assert first_variants(pixels[:2], pixels[:2], 5).shape == (2, 5, 2)


def test_a_dark_pixel_is_no_fault_of_the_variants() -> None:
    pixels = np.array([[0, 0], [0.2, 0.5], [0.5, 0.1]], np.float32)
    assert np.isfinite(first_variants(pixels, pixels[1:], 2)).all()


def test_only_squares_that_wanted_pixels_need_are_read_and_nothing_else_changes() -> None:
    net = network(num_blocks=3).eval()
    values, valid = torch.randn(1, 21, 30, 5), torch.rand(1, 21, 30) > 0.1
    wanted = torch.zeros_like(valid)
    wanted[0, 3, 4] = wanted[0, 17, 29] = True
    read = []
    for block in net.blocks:
        block.register_forward_pre_hook(lambda _, given: read.append(len(given[0])))
    with torch.no_grad():
        whole, some = net(values, valid, (2, 3))[0], net(values, valid, (2, 3), wanted)[0]
    torch.testing.assert_close(some[wanted], whole[wanted], rtol=1e-4, atol=1e-5)
    assert read[3] > read[4] > read[5]
    assert read[5] == 2
    assert all(few < many for few, many in zip(read[3:], read[:3], strict=True))


def test_squares_without_any_data_are_not_read() -> None:
    grids = [Squares.at((0, 0), (8, 12), 4, shift) for shift in (0, 2)]
    wanted = torch.zeros(1, 8, 12, dtype=torch.bool)
    assert [len(one) for one in needed(grids, wanted)] == [0, 0]
    wanted[0, 0, 0] = True
    assert [one.tolist() for one in needed(grids, wanted)] == [[0], [0]]
    net = network().eval()
    scores, _ = net(torch.zeros(1, 4, 4, 5), torch.zeros(1, 4, 4, dtype=torch.bool), (0, 0))
    assert torch.isfinite(scores).all()


def test_pieces_hold_every_chosen_square_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixel.backend.methods.pieces.FEWEST", 1)
    monkeypatch.setattr("mixel.backend.methods.pieces.MOST", 50)
    squares = Squares.at((5, 2), (23, 19), 4, 2)
    numbers = torch.arange(23 * 19).view(23, 19, 1).float()
    board = pieces.framed(23, 19, 1, 4)
    pieces.window(board, 4)[:] = numbers
    everything = torch.arange(squares.numbers[0] * squares.numbers[1])
    found = torch.cat([one.cut(board) for one in pieces.pieces(squares, everything)])
    torch.testing.assert_close(found, squares.cut(numbers[None]))
    chosen = torch.tensor([0, 3, 11, len(everything) - 1])
    parts = pieces.pieces(squares, chosen)
    held = [row * squares.numbers[1] + col for one in parts for row in range(*one.rows) for col in range(*one.cols)]
    assert set(chosen.tolist()) <= set(held) and len(set(held)) == len(held)
    assert pieces.pieces(squares, chosen[:0]) == []


def test_strips_cover_all_rows_once() -> None:
    for rows, cols in ((1, 1), (7, 5000), (300, 284), (5, 1)):
        parts = pieces.strips(rows, cols)
        assert [row for first, last in parts for row in range(first, last)] == list(range(rows))
        assert all(last > first for first, last in parts)
