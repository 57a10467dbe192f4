"""The tasks of the classical toolbox from job file to files: right answers on scenes whose mixture is known."""

from __future__ import annotations

import csv

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from mixel.backend.library import Library, read_library, write_library
from mixel.backend.metrics import match, spectral_angles
from mixel.backend.protocol import JOB_FILE, Job, Notice
from mixel.backend.tasks import running
from scenes import COLS, GRID, ROWS, WAVELENGTHS, write

BANDS = len(WAVELENGTHS)
SPECTRA = np.stack(
    [np.linspace(0.05, 0.6, BANDS), np.linspace(0.7, 0.2, BANDS), 0.3 + 0.25 * np.sin(np.arange(BANDS))]
).astype(np.float32)
PURE = [(1, 2), (5, 11), (9, 16)]


def shares():
    """(3, rows, cols): mixtures, and one pure pixel of each."""
    found = np.random.default_rng(3).dirichlet([1.0] * 3, (ROWS, COLS)).transpose(2, 0, 1).astype(np.float32)
    found = 0.9 * found + 0.1 / 3
    for index, (row, col) in enumerate(PURE):
        found[:, row, col] = np.eye(3)[index]
    return found


def mixed(brightness=1.0):
    return (np.einsum("rhw,rb->bhw", shares(), SPECTRA) * brightness).astype(np.float32)


@pytest.fixture
def scene(tmp_path):
    return write(tmp_path / "scene.tif", mixed(), nodata=-9999)


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "materials.sli"
    write_library(Library(["tree", "soil", "roof"], SPECTRA, np.array(WAVELENGTHS, np.float32)), path)
    return str(path)


@pytest.fixture
def run(tmp_path):
    """A function that runs a task and gives its metrics, its folder and what the user was told."""

    def perform(name, scene, inputs=None, method="", settings=None, **options):
        folder, told = tmp_path / "out", []
        files = {key: {"path": str(path)} for key, path in (inputs or {}).items()}
        job = Job(name, method, scene, str(folder), settings or {}, options, files, scale=1.0 if scene else None)
        metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return metrics, folder, told

    return perform


def values(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def test_counting_writes_what_both_methods_decide_by(run, scene):
    metrics, folder, _ = run("count_endmembers", scene)
    with (folder / "eigenvalues.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == BANDS
    above = sum(float(row["hysime_power"]) > float(row["hysime_threshold"]) for row in rows)
    assert metrics["hysime"] == above
    assert metrics["sampled_pixels"] == ROWS * COLS
    assert "HySime" in (folder / "report.html").read_text(encoding="utf-8")
    assert {path.name for path in folder.iterdir()} == {"eigenvalues.csv", "report.html", JOB_FILE}


@pytest.mark.parametrize("extraction", ["vca", "nfindr", "sivm", "ppi"])
def test_extraction_finds_the_pure_pixels_and_marks_them_on_the_map(run, scene, extraction):
    _, folder, _ = run("extract_endmembers", scene, extraction=extraction, num_endmembers=3, num_skewers=200)
    found = read_library(folder / "endmembers.sli")
    angles = np.abs(found.spectra[:, None] - SPECTRA).max(axis=2).min(axis=0)
    assert angles.max() < 1e-4
    meta, _, geometry, fields = pyogrio.raw.read(folder / "endmember_pixels.gpkg")
    points = shapely.from_wkb(geometry)
    places = {
        (round((GRID["transform"].f - p.y) / 3.6 - 0.5), round((p.x - GRID["transform"].c) / 3.6 - 0.5)) for p in points
    }
    assert places == set(PURE)
    assert list(fields[list(meta["fields"]).index("name")]) == found.names
    assert "32633" in str(meta["crs"])


def test_means_of_clusters_lie_at_the_pixels_most_like_them(run, tmp_path):
    random = np.random.default_rng(0)
    noisy = mixed() + random.normal(0, 0.003, (BANDS, ROWS, COLS)).astype(np.float32)
    path = write(tmp_path / "noisy.tif", noisy)
    _, folder, _ = run("extract_endmembers", path, extraction="clusters", num_endmembers=3)
    found = read_library(folder / "endmembers.sli")
    points = shapely.from_wkb(pyogrio.raw.read(folder / "endmember_pixels.gpkg")[2])
    places = [
        (round((GRID["transform"].f - p.y) / 3.6 - 0.5), round((p.x - GRID["transform"].c) / 3.6 - 0.5)) for p in points
    ]
    assert len(set(places)) == 3
    for spectrum, (row, col) in zip(found.spectra, places, strict=True):
        angles = spectral_angles(noisy.reshape(BANDS, -1).T, spectrum[None])[:, 0]
        assert angles.argmin() == row * COLS + col and not np.allclose(spectrum, noisy[:, row, col], atol=1e-4)
    assert np.diag(spectral_angles(found.spectra[match(found.spectra, SPECTRA)], SPECTRA)).max() < 0.2


def test_without_a_georeference_points_lie_where_qgis_draws_the_scene(run, tmp_path):
    path = write(tmp_path / "plain.tif", mixed(), crs=None, transform=None)
    _, folder, _ = run("extract_endmembers", path, num_endmembers=3)
    points = shapely.from_wkb(pyogrio.raw.read(folder / "endmember_pixels.gpkg")[2])
    assert {(int(-p.y), int(p.x)) for p in points} == set(PURE)


def test_an_automatic_number_is_told_and_kept_within_limits(run, scene):
    metrics, folder, told = run("extract_endmembers", scene, number="virtual_dimensionality")
    assert len(read_library(folder / "endmembers.sli").names) == metrics["num_endmembers"] >= 2
    assert any("virtual dimensionality" in text for text in told)


@pytest.mark.parametrize("solver", ["fully_constrained", "nonnegative", "unconstrained", "sparse"])
def test_the_library_that_mixed_a_scene_gives_its_abundances_back(run, scene, library, solver):
    metrics, folder, _ = run("estimate_abundances", scene, {"library": library}, solver=solver, sparsity=1e-6)
    np.testing.assert_allclose(values(folder / "abundances.tif"), shares(), atol=2e-3)
    assert metrics["reconstruction_rmse"] < 1e-4
    assert not (folder / "shade.tif").exists()
    with rasterio.open(folder / "abundances.tif") as dataset:
        assert dataset.descriptions == ("tree", "soil", "roof")


def test_shade_is_divided_out_and_mapped(run, tmp_path, library):
    brightness = np.linspace(0.3, 1, COLS, dtype=np.float32)
    path = write(tmp_path / "dim.tif", mixed(brightness))
    _, folder, _ = run("estimate_abundances", path, {"library": library}, shade=True)
    np.testing.assert_allclose(values(folder / "abundances.tif"), shares(), atol=5e-3)
    np.testing.assert_allclose(
        values(folder / "shade.tif")[0], np.broadcast_to(1 - brightness, (ROWS, COLS)), atol=2e-3
    )


def test_shade_without_full_constraints_is_refused(run, scene, library):
    with pytest.raises(ValueError, match="full constraints"):
        run("estimate_abundances", scene, {"library": library}, solver="nonnegative", shade=True)


def test_nodata_stays_nodata_and_a_pixel_without_light_tells_no_material(run, tmp_path, library):
    image = mixed()
    image[:, 0, 0], image[:, 3, 4] = -9999, -1e-6  # 0 in every band would be missing
    path = write(tmp_path / "holes.tif", image, nodata=-9999)
    metrics, folder, told = run("estimate_abundances", path, {"library": library}, shade=True)
    abundances, error, shade = (values(folder / f"{name}.tif") for name in ("abundances", "error", "shade"))
    assert np.isnan(error[0, 0, 0]) and np.isnan(abundances[:, 0, 0]).all() and np.isnan(shade[0, 0, 0])
    assert not abundances[:, 3, 4].any() and shade[0, 3, 4] == pytest.approx(1, abs=1e-5)
    assert np.isfinite(error[0, 3, 4]) and metrics["valid_pixels"] == ROWS * COLS - 1
    assert any("hold no data" in text for text in told)


def test_bands_the_library_does_not_know_are_left_out_and_told(run, scene, tmp_path):
    short = Library(["tree", "soil", "roof"], SPECTRA[:, :9], np.array(WAVELENGTHS[:9], np.float32))
    write_library(short, tmp_path / "short.sli")
    _, folder, told = run("estimate_abundances", scene, {"library": tmp_path / "short.sli"})
    np.testing.assert_allclose(values(folder / "abundances.tif"), shares(), atol=2e-3)
    assert any("3 bands of the scene are not in the library" in text for text in told)


@pytest.mark.parametrize(
    ("wavelengths", "bands", "words"),
    [
        (np.linspace(2000, 2500, 12), 12, "covers 0 of the scene's 12 bands"),
        (None, 7, "The library has 7 bands and the scene 12"),
    ],
)
def test_a_library_of_another_sensor_is_refused(run, scene, tmp_path, wavelengths, bands, words):
    axis = None if wavelengths is None else wavelengths.astype(np.float32)
    write_library(Library(["a", "b", "c"], SPECTRA[:, :bands], axis), tmp_path / "other.sli")
    with pytest.raises(ValueError, match=words):
        run("estimate_abundances", scene, {"library": tmp_path / "other.sli"})
    assert not (tmp_path / "out").exists()


def variants():
    """Two spectra of each of three classes; the scene is mixed of the first of each."""
    spectra = np.concatenate([SPECTRA, SPECTRA * 0.8 + 0.05])
    classes = ["tree", "soil", "roof"] * 2
    names = [f"{name} {number}" for number, name in zip([1] * 3 + [2] * 3, classes, strict=True)]
    return Library(names, spectra.astype(np.float32), np.array(WAVELENGTHS, np.float32), None, classes)


def test_mesma_finds_the_spectra_that_were_mixed(run, scene, tmp_path):
    write_library(variants(), tmp_path / "variants.sli")
    inputs = {"library": tmp_path / "variants.sli"}
    metrics, folder, _ = run("mesma", scene, inputs, complexity=3, shade=False, improvement=0.0)
    np.testing.assert_allclose(values(folder / "abundances.tif"), shares(), atol=5e-3)
    chosen = values(folder / "spectra.tif")
    strong = shares() > 0.1
    assert chosen.dtype == np.int16
    for index in range(3):
        assert (chosen[index][strong[index]] == index + 1).all()
    assert metrics["reconstruction_rmse"] < 1e-3 and not (folder / "shade.tif").exists()


def test_mesma_needs_classes(run, scene, library):
    with pytest.raises(ValueError, match="names no classes"):
        run("mesma", scene, {"library": library})


def test_a_library_is_brought_to_a_sensor_thinned_out_and_written_in_every_format(run, scene, tmp_path):
    fine = np.arange(400.0, 1101.0, 5.0, dtype=np.float32)
    source = variants()
    spectra = np.stack([np.interp(fine, WAVELENGTHS, one) for one in source.spectra]).astype(np.float32)
    write_library(Library(source.names, spectra, fine, None, source.classes), tmp_path / "fine.sli")
    inputs = {"library": tmp_path / "fine.sli", "sensor": scene}
    metrics, folder, _ = run("prepare_library", "", inputs, pruning="ear", count_per_class=1)
    assert metrics == {"spectra": 3.0, "bands": float(BANDS)}
    for name in ("library.sli", "library.gpkg", "spectra.csv"):
        found = read_library(folder / name)
        assert sorted(found.classes) == ["roof", "soil", "tree"], name
        np.testing.assert_allclose(found.wavelengths, WAVELENGTHS, rtol=1e-6)


def test_a_library_without_classes_cannot_be_thinned_out(run, library):
    with pytest.raises(ValueError, match="names no classes"):
        run("prepare_library", "", {"library": library}, pruning="masa")


def test_unmixing_names_its_endmembers_by_a_library_and_stands_beside_the_classical_answer(run, scene, library):
    quick = {"epochs": 2, "width": 16, "num_blocks": 1, "num_endmembers": 3}
    metrics, folder, _ = run("unmix", scene, {"library": library}, "unmamba", quick)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Beside the classical answer" in page and "VCA + FCLS" in page
    assert metrics["classical_rmse"] < 1e-4 and metrics["classical_agreement"] > 0
    assert set(read_library(folder / "endmembers.sli").names) <= {
        f"{name}{more}" for name in ("tree", "soil", "roof") for more in ("", " (2)", " (3)")
    }


def test_the_classical_method_finds_the_names_and_has_no_second_answer_beside_it(run, scene, library):
    _, folder, told = run("unmix", scene, {"library": library}, "vca_fcls", {"num_endmembers": 3})
    assert sorted(read_library(folder / "endmembers.sli").names) == ["roof", "soil", "tree"]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Beside the classical answer" not in page and "Spectral angle" in page
    assert not any("guesses" in text for text in told)


def reference_raster(path, bands):
    return write(path, bands, wavelengths=None, nodata=-1)


def test_reference_abundances_and_spectra_are_matched_and_scored(run, scene, library, tmp_path):
    order = [2, 0, 1]
    truth = shares()[order]
    truth[:, :4] = -1
    reversed_library = tmp_path / "reversed.sli"
    write_library(read_library(tmp_path / "materials.sli").take(order), reversed_library)
    inputs = {"reference": reference_raster(tmp_path / "truth.tif", truth), "reference_library": reversed_library}
    metrics, folder, _ = run("unmix", scene, inputs, "vca_fcls", {"num_endmembers": 3})
    assert metrics["abundance_rmse"] < 1e-3 and metrics["sad"] < 1e-2
    assert metrics["reference_pixels"] == (ROWS - 4) * COLS
    assert "Against the reference" in (folder / "report.html").read_text(encoding="utf-8")


def test_without_reference_spectra_the_abundances_themselves_are_matched(run, scene, library, tmp_path):
    inputs = {"reference": reference_raster(tmp_path / "truth.tif", shares()[[1, 2]] + 0.05)}
    metrics, _, _ = run("unmix", scene, inputs, "vca_fcls", {"num_endmembers": 3})
    assert metrics["abundance_rmse"] == pytest.approx(0.05, abs=2e-3) and "sad" not in metrics


@pytest.mark.parametrize(
    ("bands", "more", "words"),
    [
        (shares()[:, 1:], {}, "10 x 17 pixels .* Bring it onto the scene's grid"),
        (np.concatenate([shares(), shares()]), {}, "ask for at least as many endmembers"),
        (shares()[:2], {"reference_library": "materials.sli"}, "3 spectra and the reference abundances 2 bands"),
    ],
)
def test_a_reference_that_cannot_serve_is_refused_before_anything_is_computed(
    run, scene, library, tmp_path, bands, more, words
):
    inputs = {"reference": reference_raster(tmp_path / "truth.tif", bands)}
    inputs.update({name: tmp_path / file for name, file in more.items()})
    with pytest.raises(ValueError, match=words):
        run("unmix", scene, inputs, "vca_fcls", {"num_endmembers": 3})
    assert not (tmp_path / "out").exists()


def test_reference_spectra_alone_are_refused(run, scene, library):
    with pytest.raises(ValueError, match="only together with reference abundances"):
        run("unmix", scene, {"reference_library": library}, "vca_fcls", {"num_endmembers": 3})


def test_mnf_components_are_ordered_by_signal_and_noise_has_variance_one(run, tmp_path):
    axis = np.linspace(0, 3, 40)
    smooth = np.sin(axis)[:, None] * np.cos(axis)[None]
    image = np.einsum("b,hw->bhw", np.linspace(0.2, 0.8, BANDS), 0.5 + 0.4 * smooth)
    image += np.random.default_rng(0).normal(0, 0.01, image.shape)
    image[:, 0, :3] = -9999
    path = write(tmp_path / "smooth.tif", image.astype(np.float32), nodata=-9999)
    metrics, folder, _ = run("minimum_noise_fraction", path, num_components=4)
    found = values(folder / "components.tif")
    assert found.shape == (4, 40, 40) and np.isnan(found[:, 0, :3]).all() and np.isfinite(found[:, 1:]).all()
    assert np.var(found[0, 1:]) > 20 and np.var(found[3, 1:]) == pytest.approx(1, rel=0.25)
    assert metrics["components_above_noise"] >= 1
    with (folder / "signal_to_noise.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == BANDS


def test_there_are_no_more_components_than_bands(run, scene):
    _, folder, told = run("minimum_noise_fraction", scene, num_components=13)
    assert len(values(folder / "components.tif")) == BANDS and "so there are 12 components" in " ".join(told)


def test_without_its_continuum_a_straight_spectrum_is_one_and_a_dip_stays(run, tmp_path):
    image = np.repeat(np.linspace(0.2, 0.6, BANDS, dtype=np.float32)[:, None, None], ROWS, axis=1).repeat(COLS, axis=2)
    image *= np.linspace(0.5, 1, ROWS, dtype=np.float32)[:, None]
    image[4:7, :, 5:] *= 0.5
    image[:, 2, 2] = -9999
    path = write(tmp_path / "dip.tif", image, nodata=-9999)
    _, folder, _ = run("remove_continuum", path)
    found = values(folder / "continuum_removed.tif")
    straight = np.delete(found[:, :, :5].reshape(BANDS, -1), 2 * 5 + 2, axis=1)
    np.testing.assert_allclose(straight, 1, atol=1e-5)
    np.testing.assert_allclose(found[4:7, :, 5:], 0.5, atol=1e-5)
    assert np.isnan(found[:, 2, 2]).all()
    with rasterio.open(folder / "continuum_removed.tif") as dataset:
        assert dataset.descriptions[0] == "450 nm"


def test_the_spectral_angle_mapper_finds_materials_whatever_their_brightness(run, tmp_path, library):
    image = np.einsum("rhw,rb->bhw", np.eye(3)[:, np.arange(ROWS * COLS).reshape(ROWS, COLS) % 3], SPECTRA)
    image *= np.linspace(0.2, 1, COLS)
    image[:, 0, 0], image[:, 1, 1] = -9999, np.linspace(1, 0.01, BANDS) ** 3
    path = write(tmp_path / "pure.tif", image.astype(np.float32), nodata=-9999)
    metrics, folder, _ = run("spectral_angle_mapper", path, {"library": library}, threshold=0.05)
    found, angles = values(folder / "materials.tif")[0], values(folder / "angles.tif")
    expected = np.arange(ROWS * COLS).reshape(ROWS, COLS) % 3 + 1
    expected[0, 0], expected[1, 1] = -1, 0
    np.testing.assert_array_equal(found, expected)
    assert angles.shape == (3, ROWS, COLS) and np.isnan(angles[:, 0, 0]).all()
    assert metrics["unclassified"] == 1
    with rasterio.open(folder / "materials.tif") as dataset:
        assert dataset.tags(1)["category_3"] == "roof" and "near" in dataset.tags(1)["category_0"]
    assert "<Category>roof</Category>" in (folder / "materials.tif.aux.xml").read_text(encoding="utf-8")
