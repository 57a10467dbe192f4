"""Points of a run: where spectra were found, and samples that wait to be labelled."""

from __future__ import annotations

import pytest
from mixel.plugin import point_styles, styles
from osgeo import ogr, osr
from qgis.core import QgsLayerTreeLayer, QgsMapLayerLegend, QgsRenderContext, QgsVectorLayer
from qgis.PyQt.QtCore import Qt

MAPPED = ("water", "Dach", "Dach")


@pytest.fixture
def sample(qgis_app, tmp_path):
    """A sample as the backend draws it; its path."""
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "sample.gpkg"))
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    layer = source.CreateLayer("sample", reference, ogr.wkbPoint)
    for name, kind in (
        ("id", ogr.OFTInteger64), ("class", ogr.OFTString), ("mapped", ogr.OFTString), ("mapped_value", ogr.OFTInteger)
    ):  # fmt: skip
        layer.CreateField(ogr.FieldDefn(name, kind))
    for number, name in enumerate(MAPPED, start=1):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField("id", number)
        feature.SetField("class", "")
        feature.SetField("mapped", name)
        feature.SetField("mapped_value", 7)
        feature.SetGeometry(ogr.CreateGeometryFromWkt(f"POINT ({383500 + number} 5818200)"))
        layer.CreateFeature(feature)
    return str(tmp_path / "sample.gpkg")


def colour(layer, feature):
    """The colour that a feature is drawn in."""
    context, renderer = QgsRenderContext(), layer.renderer().clone()
    context.expressionContext().setFeature(feature)
    renderer.startRender(context, layer.fields())
    try:
        return renderer.symbolForFeature(feature, context).symbolLayer(1).strokeColor().name()
    finally:
        renderer.stopRender(context)


def test_points_change_their_colour_once_they_are_labelled(sample):
    layer = point_styles.sample_layer(sample)
    assert [colour(layer, one) for one in layer.getFeatures()] == ["#ff7f00"] * 3
    with_class = {1: "Dach", 2: None, 3: " "}
    layer.startEditing()
    for number, name in with_class.items():
        layer.changeAttributeValue(number, layer.fields().lookupField("class"), name)
    assert [colour(layer, one) for one in layer.getFeatures()] == ["#1f78b4", "#ff7f00", "#ff7f00"]
    layer.rollBack()


def test_the_legend_says_what_is_to_be_done(sample):
    layer = point_styles.sample_layer(sample)
    nodes = QgsMapLayerLegend.defaultVectorLegend(layer).createLayerTreeModelLegendNodes(QgsLayerTreeLayer(layer))
    assert [node.data(Qt.ItemDataRole.DisplayRole) for node in nodes] == ["to be labelled", "labelled"]


def test_the_form_offers_the_classes_of_the_map_and_hides_what_it_says(sample):
    layer = point_styles.sample_layer(sample)
    fields = layer.fields()
    setup = layer.editorWidgetSetup(fields.lookupField("class"))
    assert setup.type() == "ValueMap" and setup.config()["map"] == [{"Dach": "Dach"}, {"water": "water"}]
    for name in ("mapped", "mapped_value"):
        assert layer.editorWidgetSetup(fields.lookupField(name)).type() == "Hidden"
    columns = {one.name: one.hidden for one in layer.attributeTableConfig().columns()}
    assert columns["mapped"] and columns["mapped_value"] and not columns["class"]
    assert layer.labelsEnabled() and layer.labeling().settings().fieldName == "id"


def test_look_and_form_stand_beside_the_points(sample):
    styles.save_sidecar(point_styles.sample_layer(sample))
    again = QgsVectorLayer(sample, "again", "ogr")
    assert again.renderer().type() == "categorizedSymbol"
    assert again.editorWidgetSetup(again.fields().lookupField("class")).type() == "ValueMap"


def test_a_sample_without_the_known_fields_is_shown_nonetheless(qgis_app, tmp_path):
    source = ogr.GetDriverByName("GPKG").CreateDataSource(str(tmp_path / "library_pixels.gpkg"))
    source.CreateLayer("points", None, ogr.wkbPoint)
    source = None
    path = str(tmp_path / "library_pixels.gpkg")
    assert point_styles.points_layer(path).name() == "Library pixels"
    assert point_styles.sample_layer(path).isValid()


def test_missing_points_are_a_sentence(qgis_app, tmp_path):
    with pytest.raises(ValueError, match="cannot be opened"):
        point_styles.sample_layer(str(tmp_path / "gone.gpkg"))
