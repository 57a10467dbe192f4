"""Colours by wavelength: which bands, how stretched, in buttons and in the layer tree's menu."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.backend.facts import Facts
from mixel.plugin import colours
from mixel.plugin.dock.colour_buttons import ColourButtons
from osgeo import gdal
from qgis.core import QgsMapRendererParallelJob, QgsMapSettings, QgsMultiBandColorRenderer, QgsRasterLayer
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor

TRUE, INFRARED, SHORT_WAVE = colours.LOOKS
AXIS = [460.0, 550.0, 640.0, 655.0, 865.0, 1650.0, 2200.0]
SENTINEL_2 = [490.0, 560.0, 665.0, 705.0, 740.0, 783.0, 842.0, 865.0, 1610.0, 2190.0]


@pytest.fixture
def make(qgis_app, project, tmp_path):
    """A layer of 20 x 30 pixels, values rising from band to band; gives it with its dataset's path."""

    def layer(axis=AXIS, values=None, *, name="scene.tif", scale=None, offset=0.0, nodata=None, mask=None, bad=()):
        count = len(axis)
        ramp = np.arange(600, dtype=np.float32).reshape(20, 30)
        cube = [1000 * band + ramp for band in range(1, count + 1)] if values is None else values
        path, rows, cols = tmp_path / name, *np.shape(cube)[1:]
        gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", "YES")
        dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, count, gdal.GDT_Float32)
        dataset.SetGeoTransform((0, 1, 0, 20, 0, -1))
        for number, (wave, plane) in enumerate(zip(axis, cube), start=1):
            band = dataset.GetRasterBand(number)
            band.WriteArray(np.asarray(plane, np.float32))
            tags = {"wavelength": str(wave), "wavelength_units": "nm"} if wave else {}
            band.SetMetadata({**tags, **({"bbl": str(int(number not in bad))} if bad else {})})
            if scale:
                band.SetScale(scale)
                band.SetOffset(offset)
            if nodata is not None:
                band.SetNoDataValue(nodata)
        if mask is not None:
            dataset.CreateMaskBand(gdal.GMF_PER_DATASET)
            dataset.GetRasterBand(1).GetMaskBand().WriteArray(np.where(mask, 255, 0).astype(np.uint8))
        band = dataset = None
        gdal.SetConfigOption("GDAL_TIFF_INTERNAL_MASK", None)
        return project.addMapLayer(QgsRasterLayer(str(path), "scene", "gdal"))

    return layer


def ends(layer):
    renderer = layer.renderer()
    stretches = (
        renderer.redContrastEnhancement(),
        renderer.greenContrastEnhancement(),
        renderer.blueContrastEnhancement(),
    )
    return [(one.minimumValue(), one.maximumValue()) for one in stretches]


def pixels(layer):
    """The layer as the map shows it, on bright blue."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(layer.width(), layer.height()))
    settings.setBackgroundColor(QColor("#0000ff"))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    return [[image.pixelColor(x, y).getRgb()[:3] for x in range(layer.width())] for y in range(layer.height())]


@pytest.mark.parametrize("look, bands", [(TRUE, (3, 2, 1)), (INFRARED, (5, 4, 2)), (SHORT_WAVE, (7, 6, 4))])
def test_each_look_takes_the_nearest_bands(make, look, bands):
    layer = make()
    assert colours.show(layer, look) == bands
    renderer = layer.renderer()
    assert isinstance(renderer, QgsMultiBandColorRenderer)
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == bands


def test_a_look_runs_from_the_2nd_to_the_98th_percentile(make):
    layer = make()
    colours.show(layer, TRUE)
    for (low, high), band in zip(ends(layer), (3, 2, 1)):
        assert low == pytest.approx(1000 * band + 0.02 * 599, abs=1)
        assert high == pytest.approx(1000 * band + 0.98 * 599, abs=1)


def test_the_map_is_not_black_where_the_file_states_a_scale(make):
    """QGIS shows scaled values: a stretch of stored ones would show nothing."""
    layer = make(scale=0.0001, offset=-0.1)
    colours.show(layer, TRUE)
    assert ends(layer)[0] == (pytest.approx(0.201, abs=0.001), pytest.approx(0.259, abs=0.001))
    shown = pixels(layer)
    assert max(shown[0][0]) < 20 and min(shown[-1][-1]) > 235


@pytest.mark.parametrize("hole", ["nodata", "zeros", "mask", "nan"])
def test_pixels_without_data_do_not_count(make, hole):
    cube = np.array([1000 * band + np.arange(600.0).reshape(20, 30) for band in range(1, 8)])
    value = {"nodata": -9999.0, "zeros": 0.0, "mask": 60000.0, "nan": np.nan}[hole]
    cube[:, :10] = value
    mask = np.ones((20, 30), bool)
    mask[:10] = False
    layer = make(values=cube, nodata=value if hole == "nodata" else None, mask=mask if hole == "mask" else None)
    colours.show(layer, TRUE)
    assert ends(layer)[0] == (pytest.approx(3306, abs=2), pytest.approx(3593, abs=2))
    if hole == "mask":
        assert layer.renderer().alphaBand() == 8
        assert pixels(layer)[2][3] == (0, 0, 255)


def test_bad_and_empty_bands_are_passed_over(make):
    axis = [460.0, 550.0, 630.0, 640.0, 645.0]
    cube = np.array([1000 * band + np.arange(600.0).reshape(20, 30) for band in range(1, 6)])
    cube[4] = 0
    assert colours.show(make(axis, cube, bad=(4,)), TRUE) == (3, 2, 1)


def test_a_large_scene_is_looked_at_in_parts(make):
    cube = np.full((3, 700, 900), 5000.0)
    cube[:, ::2] = 3000.0
    layer = make([460.0, 550.0, 640.0], cube)
    colours.show(layer, TRUE)
    assert ends(layer) == [(3000, 5000)] * 3


def test_a_flat_scene_can_be_shown(make):
    layer = make([460.0, 550.0, 640.0], np.full((3, 9, 9), 7.0))
    colours.show(layer, TRUE)
    assert all(high > low for low, high in ends(layer))


@pytest.mark.parametrize(
    "axis, offered",
    [
        (AXIS, [True, True, True]),
        (SENTINEL_2, [True, True, True]),
        ([450.0, 550.0, 640.0, 860.0], [True, True, False]),
        ([900.0, 1650.0, 2200.0], [False, False, False]),
        ([640.0, 860.0, 1650.0, 2200.0], [False, False, True]),
        ([560.0, 555.0, 550.0, 545.0], [False, False, False]),
    ],
)
def test_only_what_the_sensor_covers_is_offered(make, axis, offered):
    found = colours.choices(make(axis))
    assert [one.bands is not None for one in found] == offered
    assert all(one.reason.endswith(".") for one in found)
    for one in found:
        if one.bands is None:
            assert "no usable band near" in one.reason or "too few" in one.reason


def test_without_wavelengths_nothing_is_offered_unless_they_are_known_otherwise(make):
    layer = make([None] * 7)
    assert [one.bands for one in colours.choices(layer)] == [None] * 3
    assert "Scene settings" in colours.choices(layer)[0].reason
    facts = Facts(7, 20, 30, "float32", True, wavelengths=tuple(AXIS))
    assert colours.show(layer, TRUE, facts) == (3, 2, 1)
    with pytest.raises(ValueError, match="not known"):
        colours.show(layer, TRUE)


def test_a_layer_that_shows_fewer_bands_than_the_product_is_not_coloured(make):
    facts = Facts(224, 20, 30, "float32", True, wavelengths=tuple(400.0 + 9 * band for band in range(224)))
    assert "other bands" in colours.choices(make(), facts)[0].reason


def test_no_layer_and_no_raster_are_told(make, project, tmp_path):
    assert [one.bands for one in colours.choices(None)] == [None] * 3
    broken = QgsRasterLayer(str(tmp_path / "gone.tif"), "gone", "gdal")
    assert [one.bands for one in colours.choices(broken)] == [None] * 3


def test_an_opened_product_is_called_by_its_kind_and_day(make, tmp_path):
    make()
    dataset = gdal.Open(str(tmp_path / "scene.tif"), gdal.GA_Update)
    dataset.SetMetadata({"product": "EnMAP L2A", "date": "2022-07-24T10:45:26Z", "source": "ENMAP01.zip"}, "MIXEL")
    dataset = None
    layer = colours.scene_layer(str(tmp_path / "scene.tif"))
    assert layer.name() == "EnMAP L2A 2022-07-24" and layer.renderer().redBand() == 3


def test_an_opened_scene_without_wavelengths_is_shown_as_qgis_does(make, tmp_path):
    make([None] * 7)
    layer = colours.scene_layer(str(tmp_path / "scene.tif"))
    assert layer.isValid() and layer.name() == "scene"


def test_buttons_colour_the_layer_and_say_why_not(make, qgis_app):
    buttons = ColourButtons()
    layer = make([450.0, 550.0, 640.0, 860.0])
    buttons.look_at(layer)
    true, infrared, short_wave = buttons.buttons
    assert true.isEnabled() and infrared.isEnabled() and not short_wave.isEnabled()
    assert "2200 nm" in short_wave.toolTip()
    infrared.click()
    assert layer.renderer().redBand() == 4
    true.click()
    assert layer.renderer().redBand() == 3
    buttons.look_at(None)
    assert buttons.isHidden()


def test_a_button_of_a_file_that_has_gone_is_disabled(make, tmp_path):
    buttons = ColourButtons()
    buttons.look_at(make())
    (tmp_path / "scene.tif").unlink()
    buttons.buttons[0].click()
    assert not buttons.buttons[0].isEnabled() and buttons.buttons[0].toolTip()


def test_buttons_outlive_their_layer(make, project):
    buttons = ColourButtons()
    layer = make()
    buttons.look_at(layer)
    project.removeMapLayer(layer.id())
    buttons.buttons[0].click()
    assert not buttons.buttons[0].isEnabled()
