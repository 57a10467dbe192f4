"""Writes a library as a GeoPackage that EnMAP-Box, QGIS and GDAL open; ``geopackage.py`` describes the format."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path

from .spectra import Array, Library
from .table import shortest

# The application's number is the letters GPKG, the version 1.3 (OGC 12-128r18, section 1.1.1).
# GDAL looks for tables without geometry only where the table of geometries is, though the standard does not ask for it.
SCHEMA = """
PRAGMA application_id = 1196444487;
PRAGMA user_version = 10300;
CREATE TABLE gpkg_spatial_ref_sys (
    srs_name TEXT NOT NULL, srs_id INTEGER PRIMARY KEY, organization TEXT NOT NULL,
    organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT);
CREATE TABLE gpkg_contents (
    table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE, description TEXT DEFAULT '',
    last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER REFERENCES gpkg_spatial_ref_sys (srs_id));
CREATE TABLE gpkg_geometry_columns (
    table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL,
    z TINYINT NOT NULL, m TINYINT NOT NULL, PRIMARY KEY (table_name, column_name));
CREATE TABLE library (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT, class TEXT, profiles TEXT);
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256), f_table_name TEXT(256),
    f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
    description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME DEFAULT CURRENT_TIMESTAMP);
INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES
    ('library', 'attributes', 'library'), ('layer_styles', 'attributes', 'layer_styles');
"""
WGS84 = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],'
    'AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],'
    'UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]]'
)
SYSTEMS = (
    ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", None),
    ("Undefined geographic SRS", 0, "NONE", 0, "undefined", None),
    ("WGS 84 geodetic", 4326, "EPSG", 4326, WGS84, None),
)
# By this style QGIS knows which field holds profiles; EnMAP-Box asks the field for its editor widget.
STYLE = (
    "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
    '<qgis styleCategories="Fields|Forms" version="3.22"><fieldConfiguration>'
    '<field name="profiles"><editWidget type="SpectralProfile"><config><Option/></config></editWidget></field>'
    "</fieldConfiguration></qgis>"
)


def write_geopackage(library: Library, path: Path) -> None:
    """Write the library as a GeoPackage with one table: name, class and profile of each spectrum, no geometry."""
    path.unlink(missing_ok=True)
    classes: list[str | None] = [None] * len(library.names) if library.classes is None else [*library.classes]
    rows = zip(library.names, classes, (_profile(library, spectrum) for spectrum in library.spectra), strict=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(SCHEMA)
        database.executemany("INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)", SYSTEMS)
        database.executemany("INSERT INTO library (name, class, profiles) VALUES (?, ?, ?)", rows)
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, "
            "styleQML, styleSLD, useAsDefault) VALUES ('', '', 'library', '', 'default', ?, '', 1)",
            (STYLE,),
        )


def _profile(library: Library, spectrum: Array) -> str:
    profile: dict[str, object] = {"y": _list(spectrum), "yUnit": "reflectance"}
    if library.wavelengths is not None:
        profile.update(x=_list(library.wavelengths), xUnit="Nanometers")
    if library.fwhm is not None:
        profile["fwhm"] = _list(library.fwhm)
    return json.dumps(profile, allow_nan=False)


def _list(values: Array) -> list[float | None]:
    return [float(shortest(value)) if math.isfinite(value) else None for value in values]
