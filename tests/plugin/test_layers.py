"""From layers to sources and facts, with everything that is no local raster."""

from __future__ import annotations

import time
import zipfile
from collections import namedtuple

import pytest
from mixel.plugin.layers import band_names, file_path, plain_facts, read_facts, source_path
from osgeo import gdal
from qgis.core import QgsRasterLayer, QgsVectorLayer

WMS = "crs=EPSG:3857&format&type=xyz&url=https://example.org/%7Bz%7D/%7Bx%7D/%7By%7D.png&zmax=19&zmin=0"


def test_a_files_layer_gives_its_path(project, make_layer, tmp_path):
    assert source_path(make_layer()) == str(tmp_path / "scene.tif")


def test_paths_with_spaces_and_other_letters(project, make_layer, tmp_path):
    layer = make_layer("a b/Überflug 東京.tif")
    assert read_facts(source_path(layer)).bands == 12


@pytest.mark.parametrize("name", ["a|b.tif", "a|b/scene|c.tif"])
def test_a_path_may_hold_the_sign_that_separates_options(project, make_layer, tmp_path, name):
    source = source_path(make_layer(name))
    assert source == str(tmp_path / name) and read_facts(source).bands == 12


def test_options_behind_the_path_are_cut(project, make_scene):
    layer = QgsRasterLayer(f"{make_scene()}|option:NUM_THREADS=1", "scene", "gdal")
    assert layer.isValid() and "|" in layer.source()
    assert source_path(layer) == str(make_scene())


def test_no_layer_is_refused(qgis_app):
    with pytest.raises(ValueError, match="Choose a raster layer"):
        source_path(None)


def test_a_vector_layer_is_refused(project):
    with pytest.raises(ValueError, match="not a raster"):
        source_path(QgsVectorLayer("Point", "points", "memory"))


def test_a_web_layer_is_refused(project):
    with pytest.raises(ValueError, match="service"):
        source_path(QgsRasterLayer(WMS, "tiles", "wms"))


def zipped(make_scene, tmp_path):
    with zipfile.ZipFile(tmp_path / "scene.zip", "w") as archive:
        archive.write(make_scene(), "scene.tif")
    layer = QgsRasterLayer(f"/vsizip/{tmp_path}/scene.zip/scene.tif", "zipped", "gdal")
    assert layer.isValid()
    return layer


def test_a_layer_within_a_zip_leads_to_the_zip_as_a_scene_only(project, make_scene, tmp_path):
    layer = zipped(make_scene, tmp_path)
    assert source_path(layer) == str(tmp_path / "scene.zip")
    assert plain_facts(source_path(layer)) is None
    with pytest.raises(ValueError, match="archive"):
        file_path(layer)


def test_a_layer_of_a_part_of_a_netcdf_file_leads_to_the_file(project, tmp_path):
    path = tmp_path / "cube é.nc"
    gdal.GetDriverByName("netCDF").CreateCopy(str(path), gdal.GetDriverByName("MEM").Create("", 9, 8, 5))
    layer = QgsRasterLayer(f'NETCDF:"{path}":Band1', "part", "gdal")
    assert layer.isValid() and source_path(layer) == str(path)
    assert plain_facts(str(path)) is None
    with pytest.raises(ValueError, match="not a file of its own"):
        file_path(layer)


def test_a_broken_layer_is_refused(project, tmp_path):
    with pytest.raises(ValueError, match="broken"):
        source_path(QgsRasterLayer(str(tmp_path / "gone.tif"), "gone", "gdal"))


def test_a_layer_whose_file_is_gone_is_refused(project, make_layer, tmp_path):
    layer = make_layer()
    (tmp_path / "scene.tif").unlink()
    with pytest.raises(ValueError, match="gone"):
        source_path(layer)


def test_a_description_of_a_web_service_is_no_file(qgis_app, tmp_path):
    path = tmp_path / "service.xml"
    path.write_text(
        "<GDAL_WMS><Service name='TMS'><ServerUrl>https://example.org/${z}/${x}/${y}.png</ServerUrl></Service>"
        "<DataWindow><UpperLeftX>-20037508</UpperLeftX><UpperLeftY>20037508</UpperLeftY><LowerRightX>20037508"
        "</LowerRightX><LowerRightY>-20037508</LowerRightY><TileLevel>3</TileLevel></DataWindow></GDAL_WMS>"
    )
    with pytest.raises(ValueError, match="not a file on this computer"):
        read_facts(str(path))


def test_what_the_file_says(make_scene, qgis_app):
    facts = read_facts(str(make_scene()))
    assert (facts.bands, facts.rows, facts.cols, facts.dtype) == (12, 9, 14, "int16")
    assert facts.nodata == -99 and facts.georeferenced
    assert facts.wavelengths[:2] == (410, 420)
    assert facts.scale is None
    assert facts.refusals() == []


def test_scale_of_the_bands(make_scene, qgis_app):
    assert read_facts(str(make_scene(scale=0.0001))).scale == pytest.approx(10000)


def test_silent_files(make_scene, qgis_app):
    facts = read_facts(str(make_scene(georeferenced=False, nodata=None, wavelengths=False)))
    assert not facts.georeferenced and facts.nodata is None and facts.wavelengths is None
    assert len(facts.notices()) == 4


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (gdal.GDT_Byte, "uint8"),
        (gdal.GDT_Float32, "float32"),
        (gdal.GDT_CFloat32, "complex"),
        (gdal.GDT_CInt16, "complex"),
    ],
)
def test_data_types_are_named_as_numpy_does(make_scene, qgis_app, kind, name):
    assert read_facts(str(make_scene(kind=kind, nodata=None))).dtype.startswith(name)


def test_an_envi_header_in_micrometres(qgis_app, tmp_path):
    path = tmp_path / "cube.bsq"
    gdal.GetDriverByName("ENVI").Create(str(path), 14, 9, 12, gdal.GDT_Int16)
    header = tmp_path / "cube.hdr"
    listed = ", ".join(f"0.{number}" for number in range(40, 52))
    marks = ", ".join(["1"] * 11 + ["0"])
    with header.open("a", encoding="utf-8") as more:
        more.write(f"wavelength units = Micrometers\nwavelength = {{{listed}}}\nbbl = {{{marks}}}\n")
        more.write("reflectance scale factor = 10000\ndata ignore value = -99\n")
    facts = read_facts(str(path))
    assert facts.wavelengths[0] == pytest.approx(400) and facts.wavelengths[-1] == pytest.approx(510)
    assert facts.scale == 10000 and facts.nodata == -99 and facts.num_good_bands == 11


def test_an_endless_scale_in_an_envi_header_is_none(qgis_app, tmp_path):
    gdal.GetDriverByName("ENVI").Create(str(tmp_path / "cube.bsq"), 14, 9, 12, gdal.GDT_Int16)
    with (tmp_path / "cube.hdr").open("a", encoding="utf-8") as more:
        more.write("reflectance scale factor = inf\n")
    assert read_facts(str(tmp_path / "cube.bsq")).scale is None


def test_names_of_bands(make_scene, qgis_app):
    path = make_scene()
    dataset = gdal.Open(str(path), gdal.GA_Update)
    dataset.GetRasterBand(2).SetDescription("Roof")
    dataset = None
    assert band_names(str(path))[:3] == ["Band 1", "Roof", "Band 3"]


def test_500_bands_are_quick(make_scene, qgis_app):
    path = make_scene("many.tif", bands=500)
    begin = time.monotonic()
    assert read_facts(str(path)).bands == 500
    assert time.monotonic() - begin < 2


def test_gdals_exceptions_stay_as_they_were(make_scene, qgis_app, tmp_path):
    before = gdal.GetUseExceptions()
    read_facts(str(make_scene()))
    assert gdal.GetUseExceptions() == before


def test_another_plugins_gdal_exceptions_do_no_harm(qgis_app, tmp_path):
    before = gdal.GetUseExceptions()
    gdal.UseExceptions()
    try:
        with pytest.raises(ValueError, match="cannot be opened"):
            read_facts(str(tmp_path / "gone.tif"))
    finally:
        if not before:
            gdal.DontUseExceptions()


def test_a_layer_class_of_another_kind_is_refused(qgis_app):
    thing = namedtuple("Thing", "name")(lambda: "thing")
    with pytest.raises(ValueError, match="not a raster"):
        source_path(thing)
