"""EAR, MASA and counts against loops over every pair of spectra, with shade as the second endmember."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.library import Library, measures, prune
from mixel.backend.library.pruning import shade_errors

CLASSES = ["roof"] * 5 + ["tree"] * 4 + ["soil"] + ["water"] * 3


def made(seed=0, bands=23):
    """Thirteen spectra of four classes: shapes of their own, brightness and noise that differ."""
    generator = np.random.default_rng(seed)
    shapes = {name: generator.uniform(0.1, 0.6, bands) for name in dict.fromkeys(CLASSES)}
    spectra = [
        shapes[name] * generator.uniform(0.4, 1.3) + generator.normal(0, 0.02, bands).clip(-0.05, 0.05)
        for name in CLASSES
    ]
    names = [f"{name} {index}" for index, name in enumerate(CLASSES)]
    return Library(names, np.array(spectra, np.float32), None, None, list(CLASSES))


def shaded_error(model, spectrum):
    """RMSE of the best mixture of a model and shade, its share from 0 to 1, by a search over the shares."""
    model, spectrum = model.astype(np.float64), spectrum.astype(np.float64)
    share = min(max(float(model @ spectrum) / float(model @ model), 0.0), 1.0)
    tried = [share, 0.0, 1.0, *np.linspace(0, 1, 21)]
    return min(float(np.sqrt(np.mean((spectrum - one * model) ** 2))) for one in tried)


def angle(first, second):
    first, second = first.astype(np.float64), second.astype(np.float64)
    return float(np.arccos(np.clip(first @ second / np.linalg.norm(first) / np.linalg.norm(second), -1, 1)))


def slowly(library, well=0.025):
    """EAR, MASA, InCOB and OutCOB by their definitions."""
    found = []
    for i, (spectrum, own) in enumerate(zip(library.spectra, library.classes)):
        ear = masa = inside = outside = others = 0
        for j, (other, name) in enumerate(zip(library.spectra, library.classes)):
            if i == j:
                continue
            error = shaded_error(spectrum, other)
            if name == own:
                ear, masa, others = ear + error, masa + angle(spectrum, other), others + 1
                inside += error <= well
            else:
                outside += error <= well
        found.append((ear / max(others, 1), masa / max(others, 1), inside, outside))
    return np.array(found).T


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("well", [0.025, 0.06])
def test_all_measures_equal_the_loops(seed, well):
    library = made(seed)
    found = measures(library, well)
    ear, masa, inside, outside = slowly(library, well)
    np.testing.assert_allclose(found.ear, ear, atol=1e-6)
    np.testing.assert_allclose(found.masa, masa, atol=1e-6)
    np.testing.assert_array_equal(found.in_cob, inside)
    np.testing.assert_array_equal(found.out_cob, outside)
    assert found.in_cob.sum() > 0


def test_a_darker_spectrum_is_modelled_and_a_brighter_one_is_not():
    bright = np.linspace(0.2, 0.8, 12, dtype=np.float32)
    errors = shade_errors(np.stack([bright, bright / 2]))
    np.testing.assert_allclose(errors[0], 0, atol=1e-6)  # the bright one and shade make the dark one
    np.testing.assert_allclose(errors[1], [np.sqrt(np.mean((bright / 2) ** 2)), 0], atol=1e-6)


def test_a_class_of_one_is_its_own_best():
    library = made()
    only = CLASSES.index("soil")
    found = measures(library)
    assert found.ear[only] == found.masa[only] == found.in_cob[only] == 0
    for measure in ("ear", "masa", "cob"):
        assert only in prune(library, measure, 1)


@pytest.mark.parametrize("measure", ["ear", "masa", "cob"])
@pytest.mark.parametrize("count", [1, 2, 4, 99])
def test_the_best_of_each_class_are_kept(measure, count):
    library = made(1)
    ear, masa, inside, outside = slowly(library)
    scores = {"ear": list(zip(ear)), "masa": list(zip(masa)), "cob": list(zip(-inside, outside, ear))}[measure]
    expected = []
    for name in dict.fromkeys(CLASSES):
        members = [index for index, one in enumerate(CLASSES) if one == name]
        expected += sorted(members, key=lambda index: scores[index])[:count]
    kept = prune(library, measure, count)
    assert kept.tolist() == sorted(expected)
    assert library.take(kept).classes == [CLASSES[index] for index in sorted(expected)]


def test_a_threshold_keeps_what_is_good_enough():
    library = made(2)
    found = measures(library)
    for measure, values in (("ear", found.ear), ("masa", found.masa)):
        limit = float(np.median(values))
        assert prune(library, measure, threshold=limit).tolist() == np.flatnonzero(values <= limit).tolist()
    assert prune(library, "cob", threshold=2).tolist() == np.flatnonzero(found.in_cob >= 2).tolist()


def test_equal_spectra_are_kept_in_their_order():
    spectra = np.tile(np.linspace(0.1, 0.5, 9, dtype=np.float32), (4, 1))
    library = Library(list("abcd"), spectra, None, None, ["x"] * 4)
    for measure in ("ear", "masa", "cob"):
        assert prune(library, measure, 2).tolist() == [0, 1]


def test_of_equal_counts_the_one_that_models_fewer_of_other_classes_is_kept():
    base, off = np.full(12, 0.4, np.float32), np.tile(np.float32([0.02, -0.02]), 6)
    library = Library(["q", "p", "r"], np.stack([base + off, base, base + 2 * off]), None, None, ["x", "x", "y"])
    found = measures(library)
    assert found.in_cob.tolist() == [1, 1, 0] and found.out_cob.tolist() == [1, 0, 1]
    assert prune(library, "cob", 1).tolist() == [1, 2]


def test_a_class_written_between_others_is_still_one_class():
    library = made()
    order = np.random.default_rng(4).permutation(len(CLASSES))
    mixed = library.take(order)
    for measure in ("ear", "masa", "cob"):
        assert sorted(order[prune(mixed, measure, 2)].tolist()) == prune(library, measure, 2).tolist()


def test_bands_with_missing_values_are_left_out():
    library = made()
    spectra = library.spectra.copy()
    spectra[3, 5] = np.nan
    found = measures(replace(library, spectra=spectra))
    expected = measures(replace(library, spectra=np.delete(library.spectra, 5, axis=1)))
    np.testing.assert_array_equal(found.ear, expected.ear)
    spectra[4] = np.nan
    with pytest.raises(ValueError, match="no band in which none of them lacks a value"):
        measures(replace(library, spectra=spectra))


def test_a_spectrum_of_zeros_models_only_itself():
    spectra = np.array([[0, 0, 0], [0.2, 0.4, 0.3], [0.1, 0.2, 0.15]], np.float32)
    found = measures(Library(["zero", "a", "b"], spectra, None, None, ["x", "x", "x"]))
    assert np.isfinite(found.ear).all() and found.ear.argmin() == 1
    assert found.in_cob.tolist()[0] == 0


@pytest.mark.parametrize(
    ("measure", "options", "word"),
    [
        ("rmse", {"count_per_class": 1}, "ear, masa, cob, not by 'rmse'"),
        ("ear", {}, "Give either"),
        ("ear", {"count_per_class": 1, "threshold": 0.1}, "Give either"),
        ("ear", {"count_per_class": 0}, "At least one"),
        ("ear", {"threshold": -1}, "No spectrum meets the threshold -1 of EAR"),
        ("masa", {"threshold": float("nan")}, "No spectrum meets"),
        ("cob", {"threshold": 99}, "No spectrum meets the threshold 99 of COB"),
    ],
)
def test_unusable_settings_are_refused(measure, options, word):
    with pytest.raises(ValueError, match=word):
        prune(made(), measure, **options)


@pytest.mark.parametrize("classes", [None, ["", *CLASSES[1:]]])
def test_spectra_without_classes_are_refused(classes):
    with pytest.raises(ValueError, match="needs a class"):
        prune(replace(made(), classes=classes), "ear", 1)
