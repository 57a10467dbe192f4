"""Sample and assessment of class maps: from a map to points, from labelled points to figures and areas."""

from __future__ import annotations

import csv

import numpy as np
import pyogrio
import pyogrio.raw
import pytest
import rasterio
import shapely
from fields import COLS, CROPS, ROWS, crops, squares, write_areas
from mixel.backend.outputs import write_categories
from mixel.backend.protocol import Job, Notice
from mixel.backend.tasks import running
from scenes import GRID

PIXEL = 3.6**2


@pytest.fixture
def run(tmp_path):
    """A function that runs a task on a map and gives its metrics, its folder and notices."""

    def perform(name, path, folder="out", reference=None, **options):
        told = []
        inputs = {"map": {"path": str(path)}, **({"reference": reference} if reference else {})}
        job = Job(name, "", "", str(tmp_path / folder), {}, options, inputs)
        metrics = running.run(job, lambda event: told.append(event.message) if isinstance(event, Notice) else None)
        return metrics, tmp_path / folder, told

    return perform


def write_map(path, values=None, names=("none", *CROPS), dtype="uint8", **options):
    """A class map with names; by default the fields, every tenth pixel wrong."""
    if values is None:
        wrong = np.random.default_rng(1).random(crops().shape) < 0.1
        values = np.where(wrong, crops() % 3 + 1, crops())
    values = np.asarray(values)
    stack = values if values.ndim == 3 else values[None]
    shape = {"width": stack.shape[2], "height": stack.shape[1], "count": len(stack), "dtype": dtype}
    with rasterio.open(path, "w", driver="GTiff", **{**shape, **GRID, **options}) as dataset:
        dataset.write(stack.astype(dtype))
    if names:
        write_categories(path, names)
    return path


def figures(folder):
    with (folder / "accuracy.csv").open(encoding="utf-8-sig", newline="") as file:
        return {(row["figure"], row["mapped"], row["reference"]): row for row in csv.DictReader(file)}


def points(path):
    _, _, wkb, data = pyogrio.raw.read(path)
    names = pyogrio.read_info(path)["fields"].tolist()
    return shapely.from_wkb(wkb), dict(zip(names, data, strict=True))


def labelled(source, target, truth):
    """The sample with its field 'class' filled in; ``truth`` (rows, cols): the class of every pixel from 1."""
    places, _ = points(source)
    inverse = ~GRID["transform"]
    cells = [inverse @ (place.x, place.y) for place in places]
    names = np.array([CROPS[truth[int(row), int(col)] - 1] for col, row in cells], dtype=object)
    pyogrio.raw.write(
        target, geometry=shapely.to_wkb(places), field_data=[names], fields=["class"], geometry_type="Point",
        crs="EPSG:32633", driver="GPKG",
    )  # fmt: skip
    return {"path": str(target), "field": "class"}


def test_a_sample_has_points_in_every_class_and_hides_no_order(run, tmp_path):
    known = write_map(tmp_path / "map.tif")
    metrics, folder, _ = run("draw_sample", known, number=120, minimum=20, seed=3)
    places, columns = points(folder / "sample.gpkg")
    assert len(places) == metrics["points"] == 120
    assert set(columns["mapped"]) == set(CROPS)
    assert set(columns["class"]) == {""}
    with rasterio.open(known) as dataset:
        values = dataset.read(1)
    for place, value, name in zip(places, columns["mapped_value"], columns["mapped"], strict=True):
        col, row = (int(one) for one in ~GRID["transform"] @ (place.x, place.y))
        assert values[row, col] == value and CROPS[value - 1] == name
    assert len(set(columns["mapped_value"][:20])) > 1


def test_the_same_seed_draws_the_same(run, tmp_path):
    known = write_map(tmp_path / "map.tif")
    first, again, other = (
        points(run("draw_sample", known, name, number=60, minimum=5, seed=seed)[1] / "sample.gpkg")[0]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert (first == again).all() and not (first == other).all()


def test_without_a_number_cochran_gives_it(run, tmp_path):
    known = write_map(tmp_path / "map.tif")
    few, _, _ = run("draw_sample", known, "a", standard_error=0.05, minimum=0)
    many, _, _ = run("draw_sample", known, "b", standard_error=0.02, minimum=0)
    assert (few["points"], many["points"]) == (64, 400)


def test_a_class_of_few_pixels_gives_all_it_has(run, tmp_path):
    values = crops().copy()
    values[values == 3] = 1
    values[0, 0] = 3
    _, folder, told = run("draw_sample", write_map(tmp_path / "map.tif", values), number=100)
    assert (points(folder / "sample.gpkg")[1]["mapped_value"] == 3).sum() == 1
    assert any("fewer than two points" in one and CROPS[2] in one for one in told)


def test_from_sample_to_areas(run, tmp_path):
    """The true share of each crop lies within its interval, and the map's own share is farther off."""
    truth = crops()
    values = np.where((truth == 1) & (np.random.default_rng(5).random(truth.shape) < 0.4), 2, truth)
    known = write_map(tmp_path / "map.tif", values)
    _, folder, _ = run("draw_sample", known, "sample", number=600, minimum=50, allocation="equal")
    reference = labelled(folder / "sample.gpkg", tmp_path / "labelled.gpkg", truth)
    metrics, result, _ = run("assess", known, "assessed", reference, design="stratified")
    found = figures(result)
    for value, name in enumerate(CROPS, start=1):
        area = found["adjusted area", name, name]
        true = (truth == value).sum() * PIXEL
        assert float(area["low"]) - 1e-6 <= true <= float(area["high"]) + 1e-6
    true = (values == truth).mean()
    adjusted = found["adjusted overall accuracy", "", ""]
    assert float(adjusted["low"]) < true < float(adjusted["high"])
    assert metrics["adjusted_overall_accuracy"] == pytest.approx(float(adjusted["value"]), rel=1e-4)
    assert "hectares" in (result / "report.html").read_text(encoding="utf-8")


def test_areas_in_hand_drawn_polygons_allow_no_areas(run, tmp_path):
    known = write_map(tmp_path / "map.tif")
    metrics, folder, _ = run("assess", known, reference=write_areas(tmp_path / "areas.gpkg", field="crop"))
    assert 0.85 < metrics["overall_accuracy"] < 0.95
    assert not any(figure.startswith("adjusted") for figure, _, _ in figures(folder))
    assert "nothing can be said of the whole map" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_matrix_is_that_of_the_pixels(run, tmp_path):
    known = write_map(tmp_path / "map.tif")
    _, folder, _ = run("assess", known, reference={"path": str(write_map(tmp_path / "truth.tif", crops()))})
    found = figures(folder)
    with rasterio.open(known) as dataset:
        values = dataset.read(1)
    for row, mapped in enumerate(CROPS, start=1):
        for col, reference in enumerate(CROPS, start=1):
            count = ((values == row) & (crops() == col)).sum()
            assert int(found["pixels", mapped, reference]["value"]) == count


def test_classes_are_matched_by_name_whatever_their_values(run, tmp_path):
    known = write_map(tmp_path / "map.tif", crops() * 7, names=["", *([""] * 6), CROPS[0], *([""] * 6), CROPS[1]])
    metrics, _, _ = run(
        "assess", known, reference=write_areas(tmp_path / "a.gpkg", [one for one in squares() if one[1] != CROPS[2]])
    )
    assert metrics["overall_accuracy"] == 1


def test_a_reference_of_values_is_matched_to_a_map_without_names(run, tmp_path):
    known = write_map(tmp_path / "map.tif", crops(), names=None)
    areas = [(shape, CROPS.index(name) + 1) for shape, name in squares()]
    metrics, _, _ = run("assess", known, reference=write_areas(tmp_path / "a.gpkg", areas))
    assert metrics["overall_accuracy"] == 1


def test_values_match_even_where_the_map_has_names(run, tmp_path):
    areas = [(shape, CROPS.index(name) + 1) for shape, name in squares()]
    metrics, _, _ = run(
        "assess", write_map(tmp_path / "map.tif", crops()), reference=write_areas(tmp_path / "a.gpkg", areas)
    )
    assert metrics["overall_accuracy"] == 1


def test_a_class_the_map_lacks_counts_as_wrong_and_is_named(run, tmp_path):
    areas = [(shape, "fallow" if number == 0 else name) for number, (shape, name) in enumerate(squares())]
    metrics, _, told = run(
        "assess", write_map(tmp_path / "map.tif", crops()), reference=write_areas(tmp_path / "a.gpkg", areas)
    )
    assert metrics["overall_accuracy"] == pytest.approx(1 - 1 / len(areas))
    assert any("fallow" in one and "count as wrong" in one for one in told)


def test_pixels_without_a_mapped_class_are_left_out_and_counted(run, tmp_path):
    values = crops().copy()
    values[:10] = 0
    metrics, _, told = run("assess", write_map(tmp_path / "m.tif", values), reference=write_areas(tmp_path / "a.gpkg"))
    assert metrics["test_pixels"] == 18 * 36
    assert any("216 reference pixels lie where the map has no class" in one for one in told)


def test_300_classes(run, tmp_path):
    values = np.arange(ROWS * COLS).reshape(ROWS, COLS) % 300 + 1
    known = write_map(tmp_path / "map.tif", values, names=None, dtype="int16")
    metrics, _, _ = run("assess", known, reference={"path": str(known)})
    assert metrics["overall_accuracy"] == 1


def complex_map(path):
    """A raster of complex whole numbers, a type that numpy does not have."""
    with rasterio.open(path, "w", driver="GTiff", width=COLS, height=ROWS, count=1, dtype="complex_int16", **GRID):
        pass
    return path


BAD = {
    "three bands": (lambda path: write_map(path, np.stack([crops()] * 3), None), "has 3 bands"),
    "fractions": (lambda path: write_map(path, crops() + 0.5, None, "float32"), "holds the value"),
    "negative values": (lambda path: write_map(path, -crops(), None, "int16"), "holds the value"),
    "infinity": (lambda path: write_map(path, crops() * np.inf, None, "float32"), "holds the value inf"),
    "vast values": (lambda path: write_map(path, crops() * 1e20, None, "float64"), "holds the value 1e"),
    "complex numbers": (lambda path: write_map(path, crops(), None, "complex64"), "holds complex numbers"),
    "complex whole numbers": (complex_map, "holds complex numbers"),
    "a name without end": (lambda path: write_map(path, names=["none", "a" * 300]), "has 300 characters"),
    "nothing": (lambda path: write_map(path, crops() * 0, None), "holds no class"),
    "no raster": (lambda path: path.write_text("hello") and path, "cannot be opened"),
}


@pytest.mark.parametrize("task", ["assess", "draw_sample"])
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_class_map_is_refused_with_a_sentence(run, tmp_path, task, case):
    make, sentence = BAD[case]
    reference = write_areas(tmp_path / "areas.gpkg") if task == "assess" else None
    with pytest.raises(ValueError, match=sentence):
        run(task, make(tmp_path / "map.tif"), reference=reference)
    assert not any((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_no_class_in_common(run, tmp_path):
    areas = [(shape, f"x{name}") for shape, name in squares()]
    with pytest.raises(ValueError, match="No class of the reference"):
        run("assess", write_map(tmp_path / "map.tif", crops()), reference=write_areas(tmp_path / "a.gpkg", areas))


def test_a_reference_elsewhere(run, tmp_path):
    far = [(shapely.box(0, 0, 9, 9), "Mais")]
    with pytest.raises(ValueError, match="lies on the scene"):
        run("assess", write_map(tmp_path / "m.tif"), reference=write_areas(tmp_path / "a.gpkg", far, crs=GRID["crs"]))


def single(areas):
    """Areas cut to one pixel each, their lower left one."""
    side, cut = GRID["transform"].a, []
    for shape, name in areas:
        left, bottom, _, _ = shape.bounds
        cut.append((shapely.box(left, bottom, left + side, bottom + side), name))
    return cut


def test_areas_of_several_pixels_are_no_stratified_sample(run, tmp_path):
    areas = [*single(squares())[2:], *squares()[:2]]
    with pytest.raises(ValueError, match=r"more than one: 2, the largest 36 pixels.*'chosen by hand"):
        run(
            "assess",
            write_map(tmp_path / "m.tif", crops()),
            reference=write_areas(tmp_path / "a.gpkg", areas),
            design="stratified",
        )


def test_areas_of_one_pixel_each_are_a_stratified_sample(run, tmp_path):
    metrics, _, told = run(
        "assess",
        write_map(tmp_path / "m.tif", crops()),
        reference=write_areas(tmp_path / "a.gpkg", single(squares())),
        design="stratified",
    )
    assert metrics["adjusted_overall_accuracy"] == 1 and metrics["test_pixels"] == len(squares())
    assert not any("drawn by itself" in one for one in told)


@pytest.mark.parametrize("step", [1, 3])
def test_a_reference_raster_is_taken_for_a_sample_and_its_patches_are_told(run, tmp_path, step):
    """Pixels of a random sample may touch; a raster does not say whether they were drawn one by one."""
    values = np.zeros_like(crops())
    values[::step, ::step] = crops()[::step, ::step]
    reference = {"path": str(write_map(tmp_path / "truth.tif", values))}
    metrics, _, told = run("assess", write_map(tmp_path / "m.tif", crops()), reference=reference, design="stratified")
    assert metrics["adjusted_overall_accuracy"] == 1
    assert any("drawn by itself" in one for one in told) == (step == 1)


def test_a_stratified_sample_that_lacks_a_class_is_refused(run, tmp_path):
    some = single([one for one in squares() if one[1] != "wheat"])
    with pytest.raises(ValueError, match=r"two points or more in every class.*wheat"):
        run(
            "assess",
            write_map(tmp_path / "m.tif", crops()),
            reference=write_areas(tmp_path / "a.gpkg", some),
            design="stratified",
        )
