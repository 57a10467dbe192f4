"""MESMA against brute force: every model of every complexity fitted by itself, the rules of choice spelt out."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
import torch
from mixel.backend.abundances import fully_constrained, mesma
from numpy.typing import NDArray

Table = NDArray[np.float64]


def made(seed: int = 0, bands: int = 15, pixels: int = 60, noise: float = 0.01) -> tuple[np.ndarray, ...]:
    """Pixels mixed of one to three classes with shade, a library of nine spectra, their classes."""
    random = np.random.default_rng(seed)
    classes = np.array([0, 1, 2, 0, 1, 2, 3, 0, 3])
    library = random.random((4, bands))[classes] + random.normal(0, 0.05, (9, bands))
    shares = random.dirichlet(np.full(9, 0.15), pixels) * random.uniform(0.3, 1, (pixels, 1))
    values = shares @ library + random.normal(0, noise, (pixels, bands))
    return values.astype(np.float32), library.astype(np.float32), classes


def root(pixel: Table, endmembers: Table) -> float:
    """Reconstruction error of the fully constrained mixture of these endmembers, by our own proven solver."""
    shares = fully_constrained(pixel[None], endmembers)[0].astype(np.float64)
    shares /= shares.sum()
    return float(np.sqrt(np.mean((pixel - shares @ endmembers) ** 2)))


def brute(
    pixel: Table, library: Table, classes: np.ndarray, complexity: int, shade: Table | None, step: float
) -> float:
    """The error of the model that MESMA's rules choose."""
    groups = [np.flatnonzero(classes == number) for number in range(classes.max() + 1)]
    ends = [] if shade is None else [shade]
    error = np.inf
    for size in range(1, complexity + 1):
        models = [one for chosen in combinations(groups, size) for one in product(*chosen)]
        best = min(root(pixel, np.array([*library[list(model)], *ends])) for model in models)
        if size == 1 or best < error - step:
            error = best
    return error


@pytest.mark.parametrize("shaded", [False, True, "grey"])
@pytest.mark.parametrize(("complexity", "step"), [(1, 0.0), (2, 0.0), (2, 0.007), (3, 0.002), (4, 0.0)])
def test_mesma_equals_brute_force(shaded: object, complexity: int, step: float) -> None:
    pixels, library, classes = made(complexity, pixels=12)
    shade = {False: None, True: np.zeros(15), "grey": np.full(15, 0.03)}[shaded]
    found = mesma(pixels, library, classes, complexity, shade, step)
    for pixel, error in zip(pixels.astype(np.float64), found.error, strict=True):
        expected = brute(pixel, library.astype(np.float64), classes, complexity, shade, step)
        assert error == pytest.approx(expected, abs=2e-7)


@pytest.mark.parametrize("shaded", [False, True])
def test_abundances_spectra_and_errors_belong_together(shaded: bool) -> None:
    pixels, library, classes = made(7)
    found = mesma(pixels, library, classes, 3, np.zeros(15) if shaded else None, 0.001)
    assert found.abundances.shape == (60, 5 if shaded else 4) and found.abundances.dtype == np.float32
    assert found.spectra.shape == (60, 4) and found.spectra.dtype == np.int32
    assert found.abundances.min() >= 0
    np.testing.assert_allclose(found.abundances.sum(axis=1), 1, atol=1e-6)
    assert ((found.spectra >= 0).sum(axis=1) <= 3).all()
    for number in range(4):
        present = found.spectra[:, number] >= 0
        assert (classes[found.spectra[present, number]] == number).all()
        assert (found.abundances[~present, number] == 0).all()
    chosen = np.where(found.spectra[..., None] >= 0, library[found.spectra], 0)
    rebuilt = np.einsum("pc,pcb->pb", found.abundances[:, :4], chosen)
    np.testing.assert_allclose(found.error, np.sqrt(np.mean((pixels - rebuilt) ** 2, axis=1)), atol=1e-6)


def test_each_pixel_finds_the_spectra_it_was_mixed_of() -> None:
    _, library, classes = made(1)
    models = [one for one in combinations(range(9), 2) if classes[one[0]] != classes[one[1]]]
    pixels = np.array([0.5 * library[one] + 0.3 * library[other] for one, other in models])
    found = mesma(pixels, library, classes, 3, np.zeros(15), 1e-4)
    for (one, other), spectra, shares in zip(models, found.spectra, found.abundances, strict=True):
        assert set(spectra[spectra >= 0]) == {one, other}
        assert shares[[classes[one], classes[other], 4]] == pytest.approx([0.5, 0.3, 0.2], abs=1e-4)


def test_a_pure_pixel_needs_one_class_and_a_black_one_none() -> None:
    _, library, classes = made(2)
    found = mesma(np.vstack([library, np.zeros((1, 15))]), library, classes, 3, np.zeros(15), 0.0)
    for index in range(9):
        assert list(found.spectra[index][found.spectra[index] >= 0]) == [index]
    assert (found.spectra[9] == -1).all()
    assert list(found.abundances[9]) == [0, 0, 0, 0, 1]
    assert found.error[:9].max() < 1e-6 and found.error[9] == 0


def test_a_higher_threshold_keeps_models_simple() -> None:
    pixels, library, classes = made(3)
    counts = [(mesma(pixels, library, classes, 3, None, step).spectra >= 0).sum() for step in (0.0, 0.005, 0.02, 10)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1] == 60


def test_duplicates_and_multiples_in_the_library_do_no_harm() -> None:
    pixels, library, classes = made(4, pixels=20)
    library = np.vstack([library, library[:3], library[3:5] * 2, np.zeros((1, 15))]).astype(np.float32)
    classes = np.append(classes, [3, 3, 0, 1, 2, 3])
    for shade in (None, np.zeros(15)):
        found = mesma(pixels, library, classes, 2, shade, 0.0)
        for pixel, error in zip(pixels.astype(np.float64), found.error, strict=True):
            expected = brute(pixel, library.astype(np.float64), classes, 2, shade, 0.0)
            assert error == pytest.approx(expected, abs=1e-6)


def test_a_pixel_without_a_number_is_nan_and_no_other() -> None:
    pixels, library, classes = made(5)
    clean = mesma(pixels, library, classes)
    pixels[[3, 50], [0, 7]] = np.nan, np.inf
    found = mesma(pixels, library, classes)
    others = np.setdiff1d(np.arange(60), [3, 50])
    assert np.isnan(found.abundances[[3, 50]]).all() and np.isnan(found.error[[3, 50]]).all()
    assert (found.spectra[[3, 50]] == -1).all()
    np.testing.assert_array_equal(found.spectra[others], clean.spectra[others])
    np.testing.assert_array_equal(found.abundances[others], clean.abundances[others])


def test_no_pixels_give_an_empty_answer() -> None:
    _, library, classes = made()
    found = mesma(np.zeros((0, 15), np.float32), library, classes, 2, np.zeros(15))
    assert found.abundances.shape == (0, 5) and found.spectra.shape == (0, 4) and found.error.shape == (0,)


def test_threads_change_nothing() -> None:
    pixels, library, classes = made(6, pixels=2500)
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(mesma(pixels, library, classes, 2, np.zeros(15)))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(found[0].spectra, found[1].spectra)
    np.testing.assert_array_equal(found[0].abundances, found[1].abundances)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": [0, 1]}, "9 spectra, but 2"),
        ({"classes": [0, 1, 3, 0, 1, 3, 4, 0, 4]}, "without gaps"),
        ({"complexity": 0}, "at least one class"),
        ({"improvement": -1.0}, "0 or more"),
        ({"improvement": np.nan}, "0 or more"),
        ({"shade": np.zeros(3)}, "shade spectrum"),
        ({"shade": np.full(15, np.nan)}, "shade spectrum"),
    ],
)
def test_unusable_input_is_refused_with_a_sentence(changes: dict[str, object], words: str) -> None:
    pixels, library, classes = made()
    with pytest.raises(ValueError, match=words):
        mesma(pixels, library, **{"classes": classes, **changes})


def test_more_models_than_can_be_tried_are_refused_with_their_number() -> None:
    library = np.random.default_rng(0).random((200, 15), dtype=np.float32)
    with pytest.raises(ValueError, match="models would have to be tried"):
        mesma(library, library, [index % 4 for index in range(200)], 4)
