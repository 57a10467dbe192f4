"""Endmembers named after the nearest spectra of a library."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.library import Library, Match, match_library, resample
from mixel.backend.library.matching import distinct

LAB = np.arange(400, 2401, 2, dtype=np.float32)
SCENE = np.arange(450, 2350, 19, dtype=np.float32)
WIDTHS = np.full(len(SCENE), 15, np.float32)


def spectra_at(wavelengths):
    x = np.asarray(wavelengths, np.float64)
    leaf = 0.05 + 0.4 / (1 + np.exp(-(x - 715) / 12)) - 0.2 * np.exp(-(((x - 1450) / 80) ** 2))
    clay = 0.5 - 0.3 * np.exp(-(((x - 2200) / 30) ** 2))
    tile = 0.1 + 0.4 * np.clip((x - 550) / 500, 0, 1)
    water = 0.08 * np.exp(-(x - 450) / 200)
    return np.array([leaf, clay, tile, water], np.float32)


LIBRARY = Library(
    ["leaf", "clay", "roof, tile", "water"], spectra_at(LAB), LAB, None, ["plant", "soil", "roof", "water"]
)


def test_each_endmember_has_the_name_of_the_nearest_whatever_its_brightness():
    endmembers = resample(LIBRARY, SCENE, WIDTHS).spectra[[2, 0, 3, 1]] * np.float32([[0.5], [1.2], [1], [2]])
    found = match_library(endmembers, LIBRARY, SCENE, WIDTHS)
    assert [one.name for one in found] == ["roof, tile", "leaf", "water", "clay"]
    assert [one.material for one in found] == ["roof", "plant", "water", "soil"]
    assert [one.index for one in found] == [2, 0, 3, 1]
    np.testing.assert_allclose([one.angle for one in found], 0, atol=1e-3)
    assert all(isinstance(one, Match) and isinstance(one.angle, float) for one in found)


def test_the_angle_is_the_least_of_all():
    generator = np.random.default_rng(0)
    endmembers = (spectra_at(SCENE) + generator.uniform(0, 0.3, (4, len(SCENE)))).astype(np.float32)
    there = resample(LIBRARY, SCENE).spectra.astype(np.float64)
    for one, spectrum in zip(match_library(endmembers, LIBRARY, SCENE), endmembers.astype(np.float64)):
        cosines = [spectrum @ other / np.linalg.norm(spectrum) / np.linalg.norm(other) for other in there]
        assert one.index == int(np.argmax(cosines))
        np.testing.assert_allclose(one.angle, np.arccos(max(cosines)), atol=1e-6)


def test_endmembers_of_one_material_get_labels_of_their_own():
    tile = spectra_at(SCENE)[2]
    found = match_library(np.array([tile, spectra_at(SCENE)[0], tile * 0.5, tile * 0.7]), LIBRARY, SCENE)
    assert [one.label for one in found] == ["roof, tile", "leaf", "roof, tile (2)", "roof, tile (3)"]
    assert [one.name for one in found] == ["roof, tile", "leaf", "roof, tile", "roof, tile"]


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
        (["a", "a", "a (2)"], ["a", "a (3)", "a (2)"]),
        (["a (2)", "a", "a"], ["a (2)", "a", "a (3)"]),
        (["a (2)", "a (2)", "a", "a"], ["a (2)", "a (2) (2)", "a", "a (3)"]),
        (["", ""], ["", " (2)"]),
    ],
)
def test_labels_are_distinct(names, labels):
    assert distinct(names) == labels and len(set(labels)) == len(names)


@pytest.mark.parametrize("without", ["scene", "library", "both"])
def test_without_wavelengths_bands_are_compared_one_by_one(without):
    library = Library(LIBRARY.names, spectra_at(SCENE), SCENE)
    if without != "scene":
        library = replace(library, wavelengths=None)
    wavelengths = SCENE if without == "library" else None
    found = match_library(spectra_at(SCENE)[[1, 3]], library, wavelengths)
    assert [one.name for one in found] == ["clay", "water"] and found[0].material is None


@pytest.mark.parametrize(("without", "word"), [("scene", "the scene names no"), ("library", "the library names no")])
def test_without_wavelengths_other_numbers_of_bands_are_refused(without, word):
    library = LIBRARY if without == "scene" else replace(LIBRARY, wavelengths=None)
    wavelengths = SCENE if without == "library" else None
    with pytest.raises(ValueError, match=f"The scene has 100 bands and the library 1001, and {word}"):
        match_library(spectra_at(SCENE), library, wavelengths)


def test_bands_the_library_lacks_are_left_out():
    dry = (LAB < 1340) | ((LAB > 1460) & (LAB < 1800)) | (LAB > 1960)
    library = Library(LIBRARY.names, LIBRARY.spectra[:, dry], LAB[dry])
    endmembers = spectra_at(SCENE)
    endmembers[:, (SCENE > 1345) & (SCENE < 1455)] = 5  # noise of the water bands
    found = match_library(endmembers, library, SCENE, WIDTHS)
    assert [one.name for one in found] == LIBRARY.names


def test_a_library_of_another_range_is_refused():
    half = LAB < 1300
    library = Library(LIBRARY.names, LIBRARY.spectra[:, half], LAB[half])
    with pytest.raises(ValueError, match="reaches from 400 to 1298 nm, and the scene from 450 to 2331 nm"):
        match_library(spectra_at(SCENE), library, SCENE)


def test_spectra_with_missing_values_name_nothing():
    spectra = LIBRARY.spectra.copy()
    spectra[0, (LAB > 1000) & (LAB < 1100)] = np.nan
    spectra[3, (LAB > 1500) & (LAB < 1600)] = np.nan
    found = match_library(spectra_at(SCENE), replace(LIBRARY, spectra=spectra), SCENE)
    assert {one.name for one in found} <= {"clay", "roof, tile"} and found[1].name == "clay"
    with pytest.raises(ValueError, match="lacks values in the scene's bands"):
        match_library(spectra_at(SCENE), replace(LIBRARY, spectra=spectra * np.nan), SCENE)


@pytest.mark.parametrize(
    ("endmembers", "wavelengths", "word"),
    [
        (np.zeros(5), None, r"shape \(endmembers, bands\), not \(5,\)"),
        (np.zeros((0, 5)), None, r"not \(0, 5\)"),
        (np.ones((2, 5)), SCENE, "5 bands and the scene 100 wavelengths"),
        (np.full((2, len(SCENE)), np.nan), SCENE, "not finite"),
    ],
)
def test_unusable_endmembers_are_refused(endmembers, wavelengths, word):
    with pytest.raises(ValueError, match=word):
        match_library(endmembers, LIBRARY, wavelengths)
