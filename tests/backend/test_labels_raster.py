"""Training pixels from class rasters, and class rasters read block by block."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from mixel.backend.labels import Grid, read_map, read_raster_labels, single
from mixel.backend.labels import raster as reading
from mixel.backend.labels.raster import patches
from rasterio.crs import CRS
from rasterio.transform import Affine, from_origin
from scipy import ndimage

UTM = CRS.from_epsg(32633)
GRID = Grid(UTM, from_origin(390000, 5820000, 10, 10), 12, 20)


def made(seed=0, rows=12, cols=20):
    generator = np.random.default_rng(seed)
    return (generator.integers(0, 4, (rows, cols)) * (generator.random((rows, cols)) < 0.7)).astype(np.uint8)


@pytest.fixture
def write(tmp_path):
    def written(values=None, name="labels.tif", colours=None, **options):
        values = made() if values is None else values
        values = values[None] if values.ndim == 2 else values
        shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2], "dtype": values.dtype}
        grid = {"crs": GRID.crs, "transform": GRID.transform}
        driver = options.pop("driver", "GTiff")
        with rasterio.open(tmp_path / name, "w", driver=driver, **{**shape, **grid, **options}) as dataset:
            dataset.write(values)
            if colours:
                dataset.write_colormap(1, colours)
        return tmp_path / name

    return written


def named(path, names):
    """Category names beside the file, as GDAL writes them."""
    entries = "".join(f"<Category>{name}</Category>" for name in names)
    text = f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{entries}</CategoryNames></PAMRasterBand></PAMDataset>'
    path.with_name(path.name + ".aux.xml").write_text(text, encoding="utf-8")
    return path


def full(labels, rows=12, cols=20):
    values = np.zeros((rows, cols), int)
    values[labels.rows, labels.cols] = labels.values
    return values


def test_every_pixel_that_is_not_zero_is_labelled(write):
    labels = read_raster_labels(write(), GRID)
    assert np.array_equal(full(labels), made())
    assert [one.name for one in labels.classes] == ["1", "2", "3"]


def test_blocks_give_what_the_whole_gives(write, monkeypatch):
    path = write()
    whole = read_raster_labels(path, GRID)
    monkeypatch.setattr(single, "BLOCK", 5)
    parts = read_raster_labels(path, GRID)
    for name in ("rows", "cols", "values", "groups"):
        assert np.array_equal(getattr(parts, name), getattr(whole, name)), name


def test_nodata_is_not_labelled_and_values_are_numbered_from_one(write):
    values = np.where(made() == 3, 255, np.where(made() == 0, 255, made() * 10)).astype(np.uint8)
    labels = read_raster_labels(write(values, nodata=255), GRID)
    assert [one.name for one in labels.classes] == ["10", "20"] and set(labels.values) == {1, 2}
    assert np.array_equal(full(labels), np.where(made() == 3, 0, made()))


def test_whole_numbers_stored_as_floats_with_nan_are_fine_and_fractions_are_not(write):
    values = np.where(made() == 0, np.nan, made()).astype(np.float32)
    assert np.array_equal(full(read_raster_labels(write(values, nodata=np.nan), GRID)), made())
    values[3, 3] = 1.5
    with pytest.raises(ValueError, match=r"holds the value 1\.5"):
        read_raster_labels(write(values), GRID)


def test_negative_values_and_infinity_are_refused(write):
    for wrong in (-99, np.inf):
        values = made().astype(np.float32)
        values[2, 2] = wrong
        with pytest.raises(ValueError, match="holds the value"):
            read_raster_labels(write(values), GRID)


def test_names_and_colours_are_the_files(write):
    colours = {0: (0, 0, 0, 0), 1: (0, 0, 255, 255), 2: (10, 200, 30, 255), 3: (255, 0, 0, 255)}
    path = named(write(colours=colours), ["", "Gewässer &amp; See", "Forêt", ""])
    labels = read_raster_labels(path, GRID)
    assert [(one.name, one.colour) for one in labels.classes] == [
        ("Gewässer & See", "#0000ff"),
        ("Forêt", "#0ac81e"),
        ("3", "#ff0000"),
    ]


def test_class_names_of_an_envi_file_are_read(write):
    path = write(name="labels.dat", driver="ENVI")
    header = path.with_suffix(".hdr")
    text = header.read_text(encoding="utf-8").replace("ENVI Standard", "ENVI Classification")
    header.write_text(text + "classes = 4\nclass names = {none, water, soil, tree}\n", encoding="utf-8")
    labels = read_raster_labels(path, GRID)
    assert [one.name for one in labels.classes] == ["water", "soil", "tree"]


def test_class_names_of_an_older_encoding_are_read(write):
    path = write(name="labels.dat", driver="ENVI")
    header = path.with_suffix(".hdr")
    text = header.read_text(encoding="utf-8").replace("ENVI Standard", "ENVI Classification")
    header.write_text(text + "classes = 4\nclass names = {none, Gewässer, Äcker, tree}\n", encoding="latin-1")
    assert [one.name for one in read_raster_labels(path, GRID).classes] == ["Gewässer", "Äcker", "tree"]


def test_class_names_with_control_characters_get_spaces(write):
    path = write()
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(
            1, category_0="none", category_1="soil\twet", category_2="\x7fA\u0308cker\x85", category_3="x"
        )
    assert [one.name for one in read_raster_labels(path, GRID).classes] == ["soil wet", "Äcker", "x"]


def test_a_class_name_without_end_is_refused(write):
    with pytest.raises(ValueError, match=r"The class name 'aaa.*has 300 characters; 200 at most"):
        read_raster_labels(named(write(), ["none", "a" * 300]), GRID)


def test_two_classes_of_one_name_stay_two(write):
    labels = read_raster_labels(named(write(), ["none", "soil", "soil", "tree"]), GRID)
    assert [one.name for one in labels.classes] == ["soil (1)", "soil (2)", "tree"]


def test_groups_are_the_connected_patches_of_each_class(write):
    labels = read_raster_labels(write(), GRID)
    expected = np.zeros(len(labels), int)
    for value in (1, 2, 3):
        components, _ = ndimage.label(made() == value)
        chosen = labels.values == value
        expected[chosen] = components[labels.rows[chosen], labels.cols[chosen]] + 1000 * value
    assert len(set(zip(expected, labels.groups, strict=True))) == len(set(expected)) == len(set(labels.groups))


def test_patches_do_not_join_the_end_of_a_row_with_the_next_beginning():
    assert len(set(patches(np.array([4, 5]), np.array([1, 1]), cols=5))) == 2
    assert len(set(patches(np.array([3, 4]), np.array([1, 1]), cols=5))) == 1


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"values": made(rows=10)}, "has 10 x 20 pixels .rows x columns., the scene 12 x 20"),
        ({"transform": from_origin(390005, 5820000, 10, 10)}, "0.5 pixels beside"),
        ({"transform": from_origin(390000, 5820000, 11, 10)}, "pixels beside"),
        ({"crs": "EPSG:32632"}, "different coordinate systems"),
        ({"values": np.stack([made(), made()])}, "2 bands"),
        ({"values": made().astype(np.complex64)}, "complex"),
        ({"values": np.zeros((12, 20), np.uint8)}, "labels no pixel"),
        ({"values": np.ones((12, 20), np.uint8)}, "only one class, '1'"),
    ],
)
def test_a_raster_that_does_not_fit_is_refused_with_a_sentence(write, change, problem):
    with pytest.raises(ValueError, match=problem):
        read_raster_labels(write(**change), GRID)


def test_a_raster_without_georeference_is_laid_on_pixel_by_pixel_and_said_so(write):
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        path = write(transform=Affine.identity(), crs=None)
        labels = read_raster_labels(path, GRID)
    assert "label raster has no georeference" in labels.notices[0]
    assert np.array_equal(full(labels), made())


def test_too_many_pixels_and_classes_are_refused(write, monkeypatch):
    monkeypatch.setattr(reading, "MAX_PIXELS", 10)
    with pytest.raises(ValueError, match="cover more than"):
        read_raster_labels(write(), GRID)
    monkeypatch.undo()
    monkeypatch.setattr(reading, "MAX_CLASSES", 2)
    with pytest.raises(ValueError, match="holds 3 classes"):
        read_raster_labels(write(), GRID)


def test_broken_and_absent_files_are_refused_with_a_sentence(write, tmp_path):
    with pytest.raises(ValueError, match="cannot be opened"):
        read_raster_labels(tmp_path / "absent.tif", GRID)
    path = write(np.random.default_rng(0).integers(0, 4, (12, 20)).astype(np.uint8))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="cannot be"):
        read_raster_labels(path, GRID)


def test_a_class_map_is_read_block_by_block(write, monkeypatch):
    monkeypatch.setattr(single, "BLOCK", 7)
    values, seen = np.full((12, 20), 99), 0
    for row, col, block in read_map(write(10 * made(), nodata=30)).blocks():
        values[row : row + block.shape[0], col : col + block.shape[1]] = block
        seen += block.size
    assert seen == 240 and np.array_equal(values, np.where(made() == 3, 0, made() + 1)), "0 is a class here"


def test_rare_classes_are_named(write):
    values = made()
    values[values == 3] = 0
    values[0, 0] = 3
    assert "Classes with fewer than 10 labelled pixels: 3 (1)." in read_raster_labels(write(values), GRID).notices
