"""How outputs look."""

from __future__ import annotations

import numpy as np
import pytest
from mixel.plugin import styles
from osgeo import gdal
from qgis.core import (
    QgsLayerTreeLayer,
    QgsMapLayerLegend,
    QgsMultiBandColorRenderer,
    QgsRasterLayer,
    QgsSingleBandPseudoColorRenderer,
)
from qgis.PyQt.QtCore import Qt


def write(path, arrays, names=(), nodata=None):
    arrays = np.asarray(arrays, np.float32)
    count, rows, cols = arrays.shape
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, count, gdal.GDT_Float32)
    for number in range(1, count + 1):
        band = dataset.GetRasterBand(number)
        band.WriteArray(arrays[number - 1])
        if nodata is not None:
            band.SetNoDataValue(nodata)
        if names:
            band.SetDescription(names[number - 1])
    return str(path)


def shares(path, means, names=()):
    return write(path, [np.full((9, 14), mean) for mean in means], names)


def top(layer):
    return layer.renderer().shader().rasterShaderFunction().maximumValue()


def test_one_layer_per_endmember_named_after_it(qgis_app, tmp_path):
    layers = styles.abundance_layers(shares(tmp_path / "a.tif", [0.5, 0.5], ["Roof", "Tree"]))
    assert [layer.name() for layer in layers] == ["Roof", "Tree"]
    assert [layer.renderer().band() for layer in layers] == [1, 2]


def test_abundances_share_one_ramp_from_0_to_1(qgis_app, tmp_path):
    layers = styles.abundance_layers(shares(tmp_path / "a.tif", [0.2, 0.8]))
    ramps = []
    for layer in layers:
        assert isinstance(layer.renderer(), QgsSingleBandPseudoColorRenderer)
        function = layer.renderer().shader().rasterShaderFunction()
        assert (function.minimumValue(), function.maximumValue()) == (0, 1)
        ramps.append([item.color.name() for item in function.colorRampItemList()])
    assert ramps[0] == ramps[1] and len(ramps[0]) == 10


def test_a_ramp_gets_lighter_all_the_way(qgis_app, tmp_path):
    (layer,) = styles.abundance_layers(shares(tmp_path / "a.tif", [1.0]))
    items = layer.renderer().shader().rasterShaderFunction().colorRampItemList()
    lightness = [item.color.red() * 0.2 + item.color.green() * 0.7 + item.color.blue() * 0.1 for item in items]
    assert lightness == sorted(lightness)


def test_the_composite_shows_the_three_largest_and_says_so(qgis_app, tmp_path):
    path = shares(tmp_path / "a.tif", [0.1, 0.4, 0.2, 0.3], ["A", "B", "C", "D"])
    layer = styles.composite_layer(path)
    renderer = layer.renderer()
    assert isinstance(renderer, QgsMultiBandColorRenderer)
    assert (renderer.redBand(), renderer.greenBand(), renderer.blueBand()) == (2, 4, 3)
    assert layer.name() == "Composite of the 3 largest"
    nodes = QgsMapLayerLegend.defaultRasterLegend(layer).createLayerTreeModelLegendNodes(QgsLayerTreeLayer(layer))
    labels = [node.data(Qt.ItemDataRole.DisplayRole) for node in nodes]
    assert [label.split(": ")[-1][0] for label in labels if label] == ["B", "D", "C"]


def test_the_composites_colours_are_stretched_alike(qgis_app, tmp_path):
    path = shares(tmp_path / "a.tif", [0.1, 0.4, 0.2, 0.3])
    layer = styles.composite_layer(path)
    renderer = layer.renderer()
    stretches = (
        renderer.redContrastEnhancement(),
        renderer.greenContrastEnhancement(),
        renderer.blueContrastEnhancement(),
    )
    assert [stretch.minimumValue() for stretch in stretches] == [0, 0, 0]
    assert [stretch.maximumValue() for stretch in stretches] == pytest.approx([0.4, 0.4, 0.4])


def test_a_composite_of_two(qgis_app, tmp_path):
    layer = styles.composite_layer(shares(tmp_path / "a.tif", [0.3, 0.7], ["A", "B"]))
    assert layer.name() == "Composite of the 2 largest"
    assert layer.renderer().blueBand() < 1


def test_the_error_ends_at_its_98th_percentile(qgis_app, tmp_path):
    error = np.linspace(0, 1, 200).reshape(1, 10, 20)
    layer = styles.error_layer(write(tmp_path / "e.tif", error))
    assert layer.name() == "Error (RMSE, reflectance)"
    assert top(layer) == pytest.approx(0.98, abs=0.01)
    settings = layer.renderer().shader().rasterShaderFunction().legendSettings()
    assert "reflectance" in settings.maximumLabel() and "reflectance" in layer.name()


@pytest.mark.parametrize("hole", [np.nan, -1.0, np.inf])
def test_pixels_without_data_do_not_count(qgis_app, tmp_path, hole):
    error = np.full((1, 9, 14), 0.5)
    error[0, :5] = hole
    assert top(styles.error_layer(write(tmp_path / "e.tif", error, nodata=-1.0))) == pytest.approx(0.5)


def test_a_perfect_or_empty_error_still_has_a_ramp(qgis_app, tmp_path):
    assert top(styles.error_layer(write(tmp_path / "zero.tif", np.zeros((1, 9, 14))))) == 1
    assert top(styles.error_layer(write(tmp_path / "none.tif", np.full((1, 9, 14), np.nan)))) == 1


def test_large_rasters_are_thinned_out(qgis_app, tmp_path):
    path = write(tmp_path / "e.tif", np.full((1, 1200, 1100), 0.25))
    assert top(styles.error_layer(path)) == pytest.approx(0.25)


def test_the_sidecar_is_found_by_the_next_who_opens_the_file(qgis_app, tmp_path):
    path = write(tmp_path / "e.tif", np.linspace(0, 1, 126).reshape(1, 9, 14))
    styles.save_sidecar(styles.error_layer(path))
    again = QgsRasterLayer(path, "again", "gdal")
    assert isinstance(again.renderer(), QgsSingleBandPseudoColorRenderer)
    assert top(again) == pytest.approx(0.98, abs=0.01)


def test_a_missing_file_is_a_sentence(qgis_app, tmp_path):
    with pytest.raises(ValueError, match="cannot be opened"):
        styles.composite_layer(str(tmp_path / "gone.tif"))
