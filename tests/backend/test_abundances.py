"""Abundances against slow references: every support tried, scipy's solvers, SUnSAL's own iteration."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from mixel.backend.abundances import errors, fully_constrained, nonnegative, sparse, unconstrained
from mixel.backend.abundances import least_squares as inside
from scipy.optimize import minimize, nnls

NEAR = 1e-6
"""How far two endmembers of the kind "nearly equal" lie apart in each band: as good as one and the same."""
KINDS = ("random", "duplicates", "zero spectrum", "on a grid", "bright", "more than bands", "one", "nearly equal")


def made(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Pixels inside, outside, on the edges and at the corners of the endmembers' simplex, and the endmembers."""
    random = np.random.default_rng(seed)
    count, bands = {"one": (1, 6), "more than bands": (7, 3)}.get(kind, (5, 8))
    endmembers = random.random((count, bands))
    if kind == "duplicates":
        endmembers[[1, 4]] = endmembers[[0, 3]]
    if kind == "zero spectrum":
        endmembers[0] = 0
    if kind == "on a grid":
        endmembers = np.round(2 * endmembers) / 2
    if kind == "bright":
        endmembers += 3
    if kind == "nearly equal":
        endmembers[1] = endmembers[0] + NEAR
    endmembers = endmembers.astype(np.float32)
    shares = random.dirichlet(np.full(count, 0.4), 12)
    shares[shares < 0.1] = 0
    shares /= shares.sum(axis=1, keepdims=True)
    pixels = [shares @ endmembers, endmembers, np.zeros((1, bands)), random.random((12, bands))]
    pixels += [random.normal(0, 3, (12, bands)), shares @ endmembers + random.normal(0, 0.02, (12, bands))]
    return np.concatenate(pixels).astype(np.float32), endmembers


def squared(pixel: np.ndarray, endmembers: np.ndarray, shares: np.ndarray) -> float:
    return float(np.sum((pixel - shares @ endmembers) ** 2))


def brute(pixel: np.ndarray, endmembers: np.ndarray, simplex: bool) -> float:
    """Least squared error over x >= 0: the least squares solution on every support that has no negative entry."""
    best = np.inf if simplex else float(pixel @ pixel)
    for size in range(1, len(endmembers) + 1):
        for support in combinations(endmembers, size):
            spectra = np.array(support)
            if simplex:
                sides = (spectra[1:] - spectra[0]).T
                tail = np.linalg.lstsq(sides, pixel - spectra[0], rcond=None)[0] if size > 1 else np.zeros(0)
                shares = np.append(1 - tail.sum(), tail)
            else:
                shares = np.linalg.lstsq(spectra.T, pixel, rcond=None)[0]
            if shares.min() >= 0:
                best = min(best, squared(pixel, spectra, shares))
    return best


def excess(pixels: np.ndarray, endmembers: np.ndarray, found: np.ndarray, simplex: bool) -> float:
    """By how much the root of the squared error lies above the least possible one, at the worst pixel."""
    pixels, endmembers, found = (one.astype(np.float64) for one in (pixels, endmembers, found))
    if simplex:
        found = found / found.sum(axis=1, keepdims=True)  # float32 holds a sum of one to 1e-7 only
    pairs = zip(pixels, found, strict=True)
    return max(np.sqrt(squared(y, endmembers, x)) - np.sqrt(brute(y, endmembers, simplex)) for y, x in pairs)


def tolerance(kind: str) -> float:
    """Of two endmembers that nearly equal each other either may stand for both, at the price of their distance."""
    return NEAR * np.sqrt(8) if kind == "nearly equal" else 1e-6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_fully_constrained_is_the_best_of_all_supports(kind: str, seed: int) -> None:
    pixels, endmembers = made(kind, seed)
    found = fully_constrained(pixels, endmembers)
    assert found.dtype == np.float32 and found.shape == (len(pixels), len(endmembers))
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert excess(pixels, endmembers, found, simplex=True) < tolerance(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_nonnegative_is_the_best_of_all_supports(kind: str, seed: int) -> None:
    pixels, endmembers = made(kind, seed)
    found = nonnegative(pixels, endmembers)
    assert found.min() >= 0
    assert excess(pixels, endmembers, found, simplex=False) < tolerance(kind)


@pytest.mark.parametrize("size", [2, 4, 9, 16])
def test_fully_constrained_equals_a_quadratic_programming_solver(size: int) -> None:
    random = np.random.default_rng(size)
    endmembers = random.random((size, 30)).astype(np.float32)
    shares = random.dirichlet(np.full(size, 0.5), 12)
    pixels = (shares @ endmembers + random.normal(0, 0.1, (12, 30))).astype(np.float32)
    found = fully_constrained(pixels, endmembers)
    spectra = endmembers.astype(np.float64)
    for pixel, mine in zip(pixels.astype(np.float64), found, strict=True):
        theirs = minimize(
            lambda x, y=pixel: squared(y, spectra, x),
            np.full(size, 1 / size),
            jac=lambda x, y=pixel: 2 * spectra @ (x @ spectra - y),
            bounds=[(0, 1)] * size,
            constraints={"type": "eq", "fun": lambda x: x.sum() - 1, "jac": np.ones_like},
            options={"ftol": 1e-15, "maxiter": 1000},
            method="SLSQP",
        )
        np.testing.assert_allclose(mine, theirs.x, atol=1e-6)


@pytest.mark.parametrize("size", [1, 3, 16, 33, 60])
def test_nonnegative_equals_scipy(size: int) -> None:
    random = np.random.default_rng(size)
    endmembers, pixels = random.random((size, 80)).astype(np.float32), random.random((20, 80)).astype(np.float32)
    theirs = [nnls(endmembers.T.astype(np.float64), pixel.astype(np.float64))[0] for pixel in pixels]
    np.testing.assert_allclose(nonnegative(pixels, endmembers), theirs, atol=1e-6)


@pytest.mark.parametrize("simplex", [True, False])
def test_the_quick_and_the_sure_way_agree(simplex: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    endmembers = random.random((12, 40)).astype(np.float32)
    pixels = (random.dirichlet(np.full(12, 0.3), 500) @ endmembers + random.normal(0, 0.2, (500, 40))).astype("f4")
    solve = fully_constrained if simplex else nonnegative
    quick = solve(pixels, endmembers)
    monkeypatch.setattr(inside, "MANY", 0)
    np.testing.assert_allclose(solve(pixels, endmembers), quick, atol=1e-6)


@pytest.mark.parametrize("simplex", [True, False])
def test_conditions_of_the_optimum_hold_for_a_large_library(simplex: bool) -> None:
    """More spectra than bands and many nearly alike: no slope is left that leads down."""
    random = np.random.default_rng(5)
    axis = np.linspace(0, 1, 50)
    centres, widths = random.random((90, 1)), random.uniform(0.1, 0.4, (90, 1))
    library = (0.1 + np.exp(-(((axis - centres) / widths) ** 2)) * random.random((90, 1))).astype(np.float32)
    pixels = (random.dirichlet(np.full(90, 0.05), 200) @ library + random.normal(0, 0.01, (200, 50))).astype("f4")
    found = (fully_constrained if simplex else nonnegative)(pixels, library).astype(np.float64)
    slopes = (pixels - found @ library) @ library.T.astype(np.float64)
    if simplex:
        slopes -= (slopes * found).sum(axis=1, keepdims=True)
    assert slopes.max() < 1e-5
    assert np.abs(slopes * found).max() < 1e-5


@pytest.mark.parametrize("apart", [0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_endmembers_that_nearly_lie_in_a_plane_cost_no_digits(apart: float, scale: float) -> None:
    """The solution without x >= 0 is in the thousands here; taken as a start it must not spoil what follows."""
    random = np.random.default_rng(4)
    plane = random.random((8, 2)) @ random.random((2, 20)) + apart * random.normal(size=(8, 20))
    endmembers = (scale * plane).astype(np.float32)
    pixels = (random.dirichlet(np.full(8, 0.3), 40) @ endmembers).astype(np.float32)
    pixels = np.vstack([pixels, scale * random.random((40, 20))]).astype(np.float32)
    found = fully_constrained(pixels, endmembers)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert excess(pixels[35:45] / scale, endmembers / scale, found[35:45], simplex=True) < 1e-6


def admm(pixels: np.ndarray, endmembers: np.ndarray, sparsity: float, step: float = 0.05) -> np.ndarray:
    """SUnSAL as published: alternating directions until primal and dual residuals vanish."""
    gram, products = endmembers @ endmembers.T, pixels @ endmembers.T
    inverse = np.linalg.inv(gram + step * np.eye(len(gram)))
    split, dual = np.zeros_like(products), np.zeros_like(products)
    for _ in range(200_000):
        shares = (products + step * (split + dual)) @ inverse
        before, split = split, np.maximum(shares - dual - sparsity / step, 0)
        dual -= shares - split
        if max(np.abs(shares - split).max(), step * np.abs(split - before).max()) < 1e-10:
            return split
    raise AssertionError("The reference did not converge.")


@pytest.mark.parametrize("sparsity", [0.0, 0.01, 0.3])
@pytest.mark.parametrize("size", [6, 40])
def test_sparse_equals_sunsal_run_to_its_end(sparsity: float, size: int) -> None:
    random = np.random.default_rng(size)
    library, shares = random.random((size, 60)), random.dirichlet(np.full(size, 0.1), 30)
    pixels = (shares @ library + random.normal(0, 0.02, (30, 60))).astype(np.float32)
    library = library.astype(np.float32)
    theirs = admm(pixels.astype(np.float64), library.astype(np.float64), sparsity)
    np.testing.assert_allclose(sparse(pixels, library, sparsity), theirs, atol=1e-6)


def test_more_sparsity_means_fewer_materials_and_none_is_nonnegative_least_squares() -> None:
    pixels, endmembers = made("random")
    np.testing.assert_array_equal(sparse(pixels, endmembers, 0.0), nonnegative(pixels, endmembers))
    counts = [np.count_nonzero(sparse(pixels, endmembers, one)) for one in (0.0, 0.1, 0.5, 1e6)]
    assert counts == sorted(counts, reverse=True) and counts[-1] == 0
    for wrong in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="sparsity"):
            sparse(pixels, endmembers, wrong)


def test_unconstrained_is_least_squares_of_least_norm() -> None:
    for kind in ("random", "duplicates", "more than bands"):
        pixels, endmembers = made(kind)
        theirs = np.linalg.lstsq(endmembers.T.astype(np.float64), pixels.T.astype(np.float64), rcond=1e-6)[0].T
        np.testing.assert_allclose(unconstrained(pixels, endmembers), theirs, rtol=1e-4, atol=1e-4)


def test_exact_mixtures_give_their_shares_back_and_no_error() -> None:
    random = np.random.default_rng(1)
    endmembers, shares = random.random((5, 40)), random.dirichlet(np.ones(5), 50)
    for solve in (fully_constrained, nonnegative, unconstrained):
        found = solve(shares @ endmembers, endmembers)
        np.testing.assert_allclose(found, shares, atol=1e-5)
        assert errors(shares @ endmembers, endmembers, found).max() < 1e-6


def test_one_endmember_is_all_there_is() -> None:
    pixels = np.random.default_rng(0).random((9, 4), dtype=np.float32)
    assert np.array_equal(fully_constrained(pixels, pixels[:1]), np.ones((9, 1)))


def test_errors_are_the_rmse_over_bands() -> None:
    pixels, endmembers = made("random")
    shares = np.random.default_rng(2).random((len(pixels), len(endmembers)), dtype=np.float32)
    expected = np.sqrt(np.mean((pixels - shares @ endmembers.astype(np.float64)) ** 2, axis=1))
    for layout in "CF":
        found = errors(np.asarray(pixels, order=layout), endmembers, np.asarray(shares, order=layout))
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="do not belong"):
        errors(pixels, endmembers, shares[:3])


SOLVERS = {
    "fully_constrained": fully_constrained,
    "nonnegative": nonnegative,
    "unconstrained": unconstrained,
    "sparse": lambda pixels, endmembers: sparse(pixels, endmembers, 0.01),
}


@pytest.fixture(params=list(SOLVERS))
def solver(request: pytest.FixtureRequest) -> object:
    return SOLVERS[request.param]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_pixel_without_a_number_is_nan_and_no_other(solver, wrong: float) -> None:
    pixels, endmembers = made("random")
    clean = solver(pixels, endmembers)
    spoilt = pixels.copy()
    spoilt[7, 3] = wrong
    found = solver(spoilt, endmembers)
    assert np.isnan(found[7]).all()
    others = np.arange(len(pixels)) != 7
    np.testing.assert_array_equal(found[others], clean[others])
    with np.errstate(invalid="ignore"):
        assert np.isnan(errors(spoilt, endmembers, found)[7])


def test_no_pixels_no_abundances(solver) -> None:
    found = solver(np.zeros((0, 8), np.float32), made("random")[1])
    assert found.shape == (0, 5) and found.dtype == np.float32
    assert errors(np.zeros((0, 8), np.float32), made("random")[1], found).shape == (0,)


def test_threads_layout_and_neighbours_change_nothing(solver) -> None:
    random = np.random.default_rng(9)
    endmembers = random.random((6, 21)).astype(np.float32)
    pixels = random.random((3001, 21), dtype=np.float32)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(solver(pixels, endmembers))
    finally:
        torch.set_num_threads(before)
    found.append(solver(np.asfortranarray(pixels), endmembers))
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], atol=0 if solver is not unconstrained else 1e-5)
    alone = np.concatenate([solver(pixels[i : i + 1], endmembers) for i in range(0, 3001, 500)])
    np.testing.assert_allclose(alone, found[0][::500], atol=0 if solver is not unconstrained else 1e-5)
    strided = solver(np.repeat(np.repeat(pixels, 2, axis=0), 2, axis=1)[::2, ::2], endmembers)
    np.testing.assert_allclose(strided, found[0], atol=0 if solver is not unconstrained else 1e-5)


def test_pixels_are_left_as_they_were(solver) -> None:
    pixels, endmembers = made("random")
    before = pixels.copy(), endmembers.copy()
    solver(pixels, endmembers)
    np.testing.assert_array_equal(pixels, before[0])
    np.testing.assert_array_equal(endmembers, before[1])


@pytest.mark.parametrize(
    ("pixels", "endmembers", "words"),
    [
        (np.ones((3, 4)), np.ones((2, 5)), "4 bands and the endmembers 5"),
        (np.ones(4), np.ones((2, 4)), "tables of spectra"),
        (np.ones((3, 4)), np.ones((0, 4)), "there must be an endmember"),
        (np.ones((3, 4)), np.full((2, 4), np.nan), "no numbers"),
    ],
)
def test_unusable_input_is_refused_with_a_sentence(solver, pixels, endmembers, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        solver(pixels, endmembers)
