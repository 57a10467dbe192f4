"""GeoPackages of profiles: as EnMAP-Box writes them, as GDAL and QGIS read them, and hostile ones."""

from __future__ import annotations

import json
import pickle
import sqlite3
from contextlib import closing

import numpy as np
import pyogrio
import pytest
from mixel.backend.library import Library, class_columns, read_library, write_library

Y = [0.1, 0.2, 0.4]
X = [450.0, 550.0, 1650.0]
PROFILE = {"y": Y, "x": X, "xUnit": "nm"}


class Explosive:
    """Unpickling this would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def package(folder, rows, kind="TEXT", columns=("name", "profiles"), tables=("speclib",), views=""):
    """A GeoPackage with a table as QGIS makes it: fid, geometry, and then the columns."""
    path = folder / "library.gpkg"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT)")
        for table in tables:
            names = ", ".join(f'"{name}" {kind if name.startswith("profile") else "TEXT"}' for name in columns)
            database.execute(f'CREATE TABLE "{table}" (fid INTEGER PRIMARY KEY, geom POINT, {names})')
            database.execute("INSERT INTO gpkg_contents VALUES (?, 'features')", (table,))
            for row in rows:
                marks = ", ".join("?" * (len(row) + 1))
                quoted = ", ".join(f'"{name}"' for name in columns)
                database.execute(f'INSERT INTO "{table}" (geom, {quoted}) VALUES ({marks})', (b"GP\0\1", *row))
        if views:
            database.executescript(views)
    return path


def text(**change):
    return json.dumps({key: value for key, value in {**PROFILE, **change}.items() if value is not None})


@pytest.mark.parametrize("kind", ["TEXT", "JSON", "BLOB", "TEXT(0)", "VARCHAR"])
def test_profiles_of_enmap_box_are_read_from_all_kinds_of_fields(tmp_path, kind):
    dump = text().encode() if kind == "BLOB" else text()
    found = read_library(package(tmp_path, [("Wiese 1", dump), ("草", dump)], kind))
    assert found.names == ["Wiese 1", "草"] and found.classes is None
    np.testing.assert_allclose(found.spectra, [Y, Y], rtol=1e-6)
    np.testing.assert_array_equal(found.wavelengths, X)


@pytest.mark.parametrize(
    ("change", "wavelengths", "factor"),
    [
        ({"xUnit": "Nanometers"}, X, 1),
        ({"xUnit": "Micrometers", "x": [0.45, 0.55, 1.65]}, X, 1),
        ({"xUnit": "μm", "x": [0.45, 0.55, 1.65]}, X, 1),
        ({"xUnit": None, "x": [0.45, 0.55, 1.65]}, X, 1),
        ({"xUnit": "Band Index", "x": [0, 1, 2]}, None, 1),
        ({"xUnit": None, "x": None}, None, 1),
        ({"y": [1000, 2000, 4000]}, X, 1),
        ({"y": [10, 20, 40]}, X, 1),
        ({"y": [0.1, 0.2, 0.4], "yUnit": "%"}, X, 0.01),
        ({"y": [10, 20, 40], "yUnit": "Reflectance [percent]"}, X, 1),
        ({"y": [0.4, 0.2, 0.1], "x": X[::-1]}, X, 1),
        ({"bbl": [1, 1, 1]}, X, 1),
        ({"yUnit": "reflectance", "bbl": None, "unknown": [1]}, X, 1),
    ],
)
def test_units_scales_and_order(tmp_path, change, wavelengths, factor):
    found = read_library(package(tmp_path, [("a", text(**change))]))
    np.testing.assert_allclose(found.spectra, [np.array(Y) * factor], rtol=1e-6)
    if wavelengths is None:
        assert found.wavelengths is None
    else:
        np.testing.assert_allclose(found.wavelengths, wavelengths, rtol=1e-6)


@pytest.mark.parametrize("version", ["1.2", "1.3", "1.4"])
def test_a_layer_of_points_that_gdal_writes_with_the_profiles_of_enmap_box(tmp_path, version):
    """All the tables GDAL makes, an index of the points, and the profile as EnMAP-Box encodes it into text."""
    dumps = [json.dumps({"x": X, "y": [*Y[:2], 0.4 + n], "xUnit": "nm", "bbl": [1, 1, 0]}) for n in range(2)]
    points = [bytes.fromhex("01010000000000000000002a400000000000004a40")] * 2
    pyogrio.raw.write(
        tmp_path / "speclib.gpkg",
        geometry=np.array(points, dtype=object),
        field_data=[
            np.array(["roof 1", "Straße"], dtype=object),
            np.array(["impervious", None], dtype=object),
            np.array(dumps, dtype=object),
            np.array([1, 2]),
        ],
        fields=["name", "level_1", "profiles", "level_1_id"],
        geometry_type="Point",
        crs="EPSG:4326",
        layer="speclib",
        dataset_options={"VERSION": version},
    )
    found = read_library(tmp_path / "speclib.gpkg")
    assert found.names == ["roof 1", "Straße"] and found.classes == ["impervious", ""]
    np.testing.assert_array_equal(found.wavelengths, X[:2])
    np.testing.assert_allclose(found.spectra, [Y[:2], Y[:2]], rtol=1e-6)


def test_bad_bands_are_left_out_and_null_is_missing(tmp_path):
    rows = [("a", text(bbl=[1, 0, 1], y=[0.1, 9, None])), ("b", text(bbl=[1, 1, 1]))]
    found = read_library(package(tmp_path, rows))
    np.testing.assert_array_equal(found.wavelengths, [450, 1650])
    np.testing.assert_allclose(found.spectra, [[0.1, np.nan], [0.1, 0.4]], rtol=1e-6)


def test_empty_profiles_are_left_out(tmp_path):
    rows = [("none", None), ("a", text()), ("empty", ""), ("b", text())]
    assert read_library(package(tmp_path, rows)).names == ["a", "b"]


def test_classes_are_the_field_that_is_called_so(tmp_path):
    columns = ("name", "source", "level_1", "level_2", "profiles", "notes")
    rows = [("a", "/x.tif", "soil", "loam", text(), None), ("b", "/x.tif", None, "sand", text(), None)]
    path = package(tmp_path, rows, columns=columns)
    assert read_library(path).classes == ["soil", ""]
    assert class_columns(path) == ["level_1", "level_2", "source"]
    assert read_library(path, "level_2").classes == ["loam", "sand"]


def test_without_names_spectra_are_numbered(tmp_path):
    found = read_library(package(tmp_path, [(text(),), (text(),)], columns=("profiles",)))
    assert found.names == ["Spectrum 1", "Spectrum 2"]


def test_names_of_tables_and_fields_are_quoted(tmp_path):
    rows = [("a", "roof", text())]
    path = package(tmp_path, rows, columns=("name", "class x' -- ", "profile; DROP"), tables=("my table'; --",))
    assert read_library(path).classes == ["roof"]


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_refused_and_never_opened(tmp_path, protocol):
    trap = tmp_path / "trap"
    path = package(tmp_path, [("a", pickle.dumps(Explosive(trap), protocol))], "BLOB")
    with pytest.raises(ValueError, match=r"older EnMAP-Box.*export the library as an ENVI spectral library"):
        read_library(path)
    assert not trap.exists()


def test_a_pickle_between_profiles_and_qt_binaries_are_refused(tmp_path):
    trap = tmp_path / "trap"
    for dump in (pickle.dumps(Explosive(trap)), b"qbjs\1\0\0\0"):
        for rows in ([("a", dump)], [("a", text().encode()), ("b", dump)]):
            with pytest.raises(ValueError, match="older EnMAP-Box"):
                read_library(package(tmp_path, rows, "BLOB"))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("dumps", "word"),
    [
        (["{}"], "no field of its tables holds spectral profiles"),
        (["[1, 2]"], "no field of its tables holds spectral profiles"),
        ([7], "no field of its tables holds spectral profiles"),
        ([None], "no field of its tables holds spectral profiles"),
        ([text(), "{"], "no JSON text"),
        ([text(), "7"], "no list of values 'y'"),
        ([text(), 7], "something else than profiles"),
        ([text(), text(y=[])], "no list of values 'y'"),
        ([text(), "[" * 100_000], "no JSON text"),
        (['{"y": ' + "[" * 100_000], "no JSON text"),
        ([text(), text(y=[0.1], x=[450.0])], "different wavelengths (1 to 3 bands)"),
        ([text(), text(x=[1.0, 2.0, 3.0])], "different wavelengths"),
        ([text(), text(xUnit="um")], "different wavelengths"),
        ([text(x=[1.0])], "lists of different lengths"),
        ([text(y={"a": 1})], "no list of values 'y'"),
        ([text(y=["a", 1, 2])], "something else than numbers"),
        ([text(y=[[1], 1, 2])], "something else than numbers"),
        ([text(x=["a", 1, 2])], "something else than numbers"),
        ([text(x=[None, 1, 2])], "not all numbers above 0"),
        ([text(x=[0, 1, 2])], "not all numbers above 0"),
        ([text(xUnit="GHz")], "wavelengths are in 'GHz'"),
        ([text(y=[None, None, None])], "every value is missing"),
        ([text(y=[10**400, 1, 2])], "too large"),
        ([text(bbl=[1])], "lists of different lengths"),
        ([text(bbl=[0, 0, 0])], "every value is missing"),
        ([text(fwhm=[1, 2, -3])], "none below 0"),
        ([text(fwhm=[1, 2])], "lists of different lengths"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_profiles_that_are_none_are_refused(tmp_path, dumps, word):
    path = package(tmp_path, [(f"s{index}", dump) for index, dump in enumerate(dumps)], "BLOB")
    with pytest.raises(ValueError, match="is not a readable GeoPackage of spectra") as refused:
        read_library(path)
    assert word in str(refused.value) and "\n" not in str(refused.value)


def test_several_tables_of_profiles_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"several of its tables hold profiles \(one, two\)"):
        read_library(package(tmp_path, [("a", text())], tables=("one", "two")))


def test_a_database_that_is_no_geopackage_is_refused(tmp_path):
    with closing(sqlite3.connect(tmp_path / "library.gpkg")) as database, database:
        database.execute("CREATE TABLE profiles (name TEXT)")
    with pytest.raises(ValueError, match="no such table: gpkg_contents"):
        read_library(tmp_path / "library.gpkg")


def test_views_are_never_run(tmp_path):
    endless = (
        "CREATE VIEW trap AS WITH RECURSIVE r(profiles) AS (SELECT '{\"y\": [1]}' UNION ALL SELECT profiles FROM r) "
        "SELECT profiles FROM r; INSERT INTO gpkg_contents VALUES ('trap', 'attributes');"
    )
    assert read_library(package(tmp_path, [("a", text())], views=endless)).names == ["a"]


def test_values_that_the_database_computes_are_never_asked_for(tmp_path):
    made_up = (
        "CREATE TABLE made (fid INTEGER PRIMARY KEY, profiles TEXT AS ('{\"y\": [1]}') VIRTUAL);"
        "INSERT INTO made (fid) VALUES (1); INSERT INTO gpkg_contents VALUES ('made', 'attributes');"
    )
    with pytest.raises(ValueError, match="no field of its tables holds"):
        read_library(package(tmp_path, [], views=made_up))


def test_reading_changes_nothing(tmp_path):
    path = package(tmp_path, [("a", text())])
    before = path.read_bytes()
    path.chmod(0o444)
    read_library(path)
    assert path.read_bytes() == before and sorted(one.name for one in tmp_path.iterdir()) == ["library.gpkg"]


def test_gdal_reads_what_is_written(tmp_path):
    spectra = np.array([Y, [0.3, np.nan, 0.5]], np.float32)
    library = Library(["a", "straße"], spectra, np.array(X, np.float32), np.full(3, 9.5, np.float32), ["soil", ""])
    write_library(library, tmp_path / "library.gpkg")
    assert "library" in pyogrio.list_layers(tmp_path / "library.gpkg")[:, 0]
    info, _, geometry, values = pyogrio.raw.read(tmp_path / "library.gpkg", layer="library")
    columns = dict(zip(info["fields"], values))
    assert geometry is None and list(columns) == ["name", "class", "profiles"]
    assert list(columns["name"]) == ["a", "straße"] and list(columns["class"]) == ["soil", ""]
    profile = json.loads(columns["profiles"][1])
    assert profile == {"y": [0.3, None, 0.5], "yUnit": "reflectance", "x": X, "xUnit": "Nanometers", "fwhm": [9.5] * 3}


def test_the_written_style_names_the_field_of_profiles(tmp_path):
    write_library(Library(["a"], np.array([Y], np.float32)), tmp_path / "library.gpkg")
    with closing(sqlite3.connect(tmp_path / "library.gpkg")) as database:
        rows = database.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles").fetchall()
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    ((table, default, style),) = rows
    assert (table, default) == ("library", 1) and '<field name="profiles"><editWidget type="SpectralProfile">' in style
