"""What a class raster's values mean: masks of every kind, 0 as a class or none, values that are no classes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import rasterio
from mixel.backend.labels import Grid, read_area, read_labels, read_map
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

ROWS, COLS = 9, 14
GRID = Grid(CRS.from_epsg(32633), from_origin(390000, 5820000, 10, 10), ROWS, COLS)
VALUES = np.arange(ROWS * COLS).reshape(ROWS, COLS) % 4
HIDDEN = VALUES == 3


def write(path, values=VALUES, mask=None, alpha=None, names=(), driver="GTiff", inside=False, **options):
    """Writes a class raster on GRID, ``mask`` as .msk or ``inside`` the file, ``alpha`` as a band; gives the entry."""
    bands = [np.asarray(values)] + ([] if alpha is None else [np.where(alpha, 255, 0).astype(np.asarray(values).dtype)])
    shape = {"count": len(bands), "height": ROWS, "width": COLS, "dtype": bands[0].dtype}
    place = {"crs": GRID.crs, "transform": GRID.transform}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside),
        rasterio.open(path, "w", driver=driver, **{**shape, **place, **options}) as dataset,
    ):
        if alpha is not None:
            dataset.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
        dataset.write(np.stack(bands))
        if mask is not None:
            dataset.write_mask(mask)
        dataset.update_tags(1, **{f"category_{value}": name for value, name in enumerate(names)})
    return {"path": str(path)}


def counts(entry):
    labels = read_labels(entry, GRID)
    return {one.name: int(number) for one, number in zip(labels.classes, labels.counts, strict=True)}, labels.notices


def number(*values):
    return {str(value): int((value == VALUES).sum()) for value in values}


@pytest.mark.parametrize(
    "how",
    [
        {"mask": ~HIDDEN},
        {"mask": ~HIDDEN, "inside": True},
        {"alpha": ~HIDDEN},
        {"nodata": 3},
        {"mask": VALUES != 2, "nodata": 3},
    ],
    ids=["msk", "internal", "alpha", "nodata", "mask and nodata"],
)
def test_pixels_that_a_mask_or_the_nodata_value_hides_are_not_labelled(tmp_path, how):
    values = np.where(VALUES == 0, 9, VALUES).astype(np.uint8)
    found, notices = counts(write(tmp_path / "l.tif", values, **how))
    left = (1,) if "nodata" in how and "mask" in how else (1, 2)
    assert found == {**number(*left), "9": int((VALUES == 0).sum())}
    assert not any("value 0" in text for text in notices)
    known = read_map(str(tmp_path / "l.tif"))
    assert dict(zip(known.names, known.counts.tolist(), strict=True)) == found


def test_the_masks_of_a_mask_raster_count_too(tmp_path):
    entry = write(tmp_path / "m.tif", VALUES.astype(np.uint8), mask=~HIDDEN)
    assert read_area(entry, GRID).pixels == np.isin(VALUES, (1, 2)).sum()


@pytest.mark.parametrize(
    ("values", "options", "why"),
    [
        (np.where(HIDDEN, -1, VALUES).astype(np.int16), {"nodata": -1}, "nodata value is -1"),
        (np.where(HIDDEN, 255, VALUES).astype(np.uint8), {"nodata": 255}, "nodata value is 255"),
        (np.where(HIDDEN, np.nan, VALUES).astype(np.float32), {"nodata": np.nan}, "nodata value is nan"),
        (np.where(HIDDEN, np.nan, VALUES).astype(np.float32), {}, "without a class are NaN"),
        (np.where(HIDDEN, -3.4e38, VALUES).astype(np.float32), {"nodata": np.float32(-3.4e38)}, "nodata value is -3.4"),
        (VALUES.astype(np.uint8), {"names": ["water", "soil", "tree", "roof"], "mask": ~HIDDEN}, "calls it 'water'"),
    ],
    ids=["-1", "255", "NaN", "NaN not stated", "float", "name"],
)
def test_0_is_a_class_where_the_file_says_so_and_is_told(tmp_path, values, options, why):
    found, notices = counts(write(tmp_path / "l.tif", values, **options))
    assert sorted(found.values()) == sorted(number(0, 1, 2).values()) and len(found) == 3
    (told,) = (text for text in notices if "value 0" in text)
    assert f"({found.get('0', found.get('water'))}) count as a class" in told and why in told
    known = read_map(str(tmp_path / "l.tif"))
    assert known.values.tolist() == [0, 1, 2] and dict(zip(known.names, known.counts.tolist(), strict=True)) == found
    assert known.notices
    seen = Counter(np.concatenate([block.ravel() for _, _, block in known.blocks()]).tolist())
    assert seen == {0: int(HIDDEN.sum()), **dict(enumerate(known.counts.tolist(), start=1))}


@pytest.mark.parametrize("name", ["none", "Unclassified", "not classified", "No data", "background", "0"])
@pytest.mark.parametrize("nodata", [None, 0])
def test_0_means_none_where_the_file_does_not_say_otherwise(tmp_path, name, nodata):
    found, notices = counts(write(tmp_path / "l.tif", VALUES.astype(np.uint8), names=[name, *"abc"], nodata=nodata))
    assert found == dict(zip("abc", number(1, 2, 3).values(), strict=True))
    told = [text for text in notices if "value 0" in text]
    assert bool(told) == (nodata is None and name == "0"), "said only where the file leaves it open"


def test_0_without_a_word_of_the_file_is_not_lost_in_silence(tmp_path):
    found, notices = counts(write(tmp_path / "l.tif", VALUES.astype(np.uint8), mask=~HIDDEN))
    assert found == number(1, 2)
    assert any(f"value 0 in the label raster ({number(0)['0']}) count as not labelled" in text for text in notices)


def test_a_class_that_is_named_like_a_word_for_none_but_is_none_of_it(tmp_path):
    names = ["noble fir", "a", "b", "c"]
    found, _ = counts(write(tmp_path / "l.tif", VALUES.astype(np.uint8), names=names))
    assert "noble fir" in found


@pytest.mark.parametrize("wrong", [-9999, -1, -2147483648])
def test_a_nodata_value_that_is_not_stated_is_refused_with_the_value_and_what_to_do(tmp_path, wrong):
    values = np.where(HIDDEN, wrong, VALUES).astype(np.int32)
    entry = write(tmp_path / "l.tif", values)
    for read in (lambda: read_labels(entry, GRID), lambda: read_map(entry["path"])):
        with pytest.raises(ValueError, match=f"holds the value {wrong}; .* state it as the file's nodata value"):
            read()


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_an_alpha_band_is_no_second_band_of_classes_but_a_second_band_is(tmp_path):
    entry = write(tmp_path / "l.tif", VALUES.astype(np.uint8), alpha=np.ones_like(VALUES))
    assert counts(entry)[0] == number(1, 2, 3)
    with rasterio.open(
        tmp_path / "two.tif", "w", driver="GTiff", count=2, height=ROWS, width=COLS, dtype="uint8"
    ) as dataset:
        dataset.write(np.stack([VALUES, VALUES]).astype(np.uint8))
    with pytest.raises(ValueError, match="has 2 bands"):
        read_labels({"path": str(tmp_path / "two.tif")}, GRID)


def test_an_envi_classification_starts_at_unclassified(tmp_path):
    entry = write(tmp_path / "l.dat", VALUES.astype(np.uint8), driver="ENVI")
    header = tmp_path / "l.hdr"
    text = header.read_text(encoding="utf-8").replace("ENVI Standard", "ENVI Classification")
    header.write_text(f"{text}classes = 4\nclass names = {{Unclassified, water, soil, tree}}\n", encoding="utf-8")
    found, notices = counts(entry)
    assert found == dict(zip(("water", "soil", "tree"), number(1, 2, 3).values(), strict=True)) and not notices
