"""The layers of a run in the project: one group, in order, styled, twice in a row."""

from __future__ import annotations

import pytest
from qgis.core import (
    QgsApplication,
    QgsLayerTreeRegistryBridge,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingModelAlgorithm,
    QgsProcessingModelChildAlgorithm,
    QgsProcessingModelChildParameterSource,
    QgsProject,
)


@pytest.fixture
def load(processing, qgis_app, scripted, make_layer, tmp_path):
    """A function that runs the algorithm as the toolbox does and loads what came out."""

    def run(name, **more):
        from processing.gui.Postprocessing import handleAlgorithmResults

        scripted()
        context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
        context.setProject(QgsProject.instance())
        algorithm = QgsApplication.processingRegistry().createAlgorithmById("mixel:unmix")
        values = {"INPUT": make_layer(f"{name}.tif").id(), "OUTPUT_FOLDER": str(tmp_path / name), **more}
        found, worked = algorithm.run(values, context, feedback)
        assert worked
        count = len(context.layersToLoadOnCompletion())
        if count:
            handleAlgorithmResults(algorithm, context, feedback)
        qgis_app.processEvents()
        return found, count

    return run


def groups(project):
    return [node.name() for node in project.layerTreeRoot().findGroups()]


def in_group(project, name):
    return [node.name() for node in project.layerTreeRoot().findGroup(name).findLayers()]


def test_all_layers_arrive_in_one_group_in_order(project, load):
    load("berlin", NUM_ENDMEMBERS=3)
    assert groups(project) == ["Unmixed: berlin"]
    assert in_group(project, "Unmixed: berlin") == [
        "Composite of the 3 largest",
        "Endmember 1",
        "Endmember 2",
        "Endmember 3",
        "Error (RMSE, reflectance)",
    ]


def test_only_the_composite_is_shown_at_once(project, load):
    load("berlin", NUM_ENDMEMBERS=2)
    nodes = project.layerTreeRoot().findGroup("Unmixed: berlin").findLayers()
    assert [node.itemVisibilityChecked() for node in nodes] == [True, False, False, False]


def test_layers_are_styled(project, load):
    load("berlin", NUM_ENDMEMBERS=2)
    kinds = {layer.name().split(":")[0]: layer.renderer().type() for layer in project.mapLayers().values()}
    assert kinds["Composite of the 2 largest"] == "multibandcolor"
    assert kinds["Endmember 1"] == "singlebandpseudocolor"


def test_every_layer_is_once_in_the_tree(project, load):
    load("berlin")
    ids = project.layerTreeRoot().findLayerIds()
    assert len(ids) == len(set(ids)) == len(project.mapLayers())


def test_two_runs_give_two_groups(project, load, tmp_path):
    load("berlin")
    project.removeAllMapLayers()
    (tmp_path / "berlin").rename(tmp_path / "first")
    load("berlin")
    assert sorted(groups(project)) == ["Unmixed: berlin", "Unmixed: berlin (2)"]


def test_sidecars_stand_beside_the_rasters(project, load, tmp_path):
    load("berlin")
    assert (tmp_path / "berlin" / "abundances.qml").exists()
    assert (tmp_path / "berlin" / "error.qml").exists()


def test_the_order_does_not_depend_on_where_qgis_inserts(project, load):
    """In the desktop new layers go beside the current one, which after the first is inside the run's group."""
    bridge = QgsLayerTreeRegistryBridge(project.layerTreeRoot(), project)
    group = project.layerTreeRoot().insertGroup(0, "Unmixed: berlin")
    bridge.setLayerInsertionPoint(QgsLayerTreeRegistryBridge.InsertionPoint(group, 0))
    load("berlin", NUM_ENDMEMBERS=2)
    names = in_group(project, "Unmixed: berlin (2)")
    assert names[0].startswith("Composite") and names[-1].startswith("Error") and len(names) == 4


def test_without_load_only_the_files_are_made(project, load, tmp_path):
    found, count = load("berlin", LOAD=False)
    assert count == 0 and groups(project) == []
    assert (tmp_path / "berlin" / "abundances.qml").exists() and found["ABUNDANCES"]


@pytest.fixture
def model(project, processing, scripted, make_layer, tmp_path):
    """A model with one step, as the model designer makes it."""
    scripted()
    child = QgsProcessingModelChildAlgorithm("mixel:unmix")
    child.setChildId("unmix")
    values = {"INPUT": make_layer().id(), "OUTPUT_FOLDER": str(tmp_path / "out"), "NUM_ENDMEMBERS": 3}
    for name, value in values.items():
        child.addParameterSources(name, [QgsProcessingModelChildParameterSource.fromStaticValue(value)])
    made = QgsProcessingModelAlgorithm("model", "tests")
    made.addChildAlgorithm(child)
    return made


def test_within_a_model(project, model, tmp_path):
    context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
    context.setProject(project)
    _, worked = model.run({}, context, feedback)
    assert worked, feedback.textLog()
    assert (tmp_path / "out" / "abundances.tif").exists()


def test_within_a_model_on_a_worker_thread_as_in_the_desktop(project, model, wait_until, qgis_app):
    from processing.gui.Postprocessing import handleAlgorithmResults

    context, feedback, ended = QgsProcessingContext(), QgsProcessingFeedback(), []
    context.setProject(project)
    task = QgsProcessingAlgRunnerTask(model, {}, context, feedback)
    task.executed.connect(lambda worked, results: ended.append(worked))
    QgsApplication.taskManager().addTask(task)
    wait_until(lambda: ended)
    assert ended == [True], feedback.textLog()
    handleAlgorithmResults(model, context, feedback)
    qgis_app.processEvents()
    assert len(in_group(project, "Unmixed: scene")) == 5
    assert all(layer.thread() == qgis_app.thread() for layer in project.mapLayers().values())


def test_a_batch_of_two_scenes(project, processing, scripted, make_layer, qgis_app, tmp_path):
    """The batch dialog runs all rows first and loads everything at the end."""
    from processing.gui.Postprocessing import handleAlgorithmResults

    scripted()
    rows = []
    for name in ("one", "two"):
        context, feedback = QgsProcessingContext(), QgsProcessingFeedback()
        context.setProject(project)
        algorithm = QgsApplication.processingRegistry().createAlgorithmById("mixel:unmix")
        values = {"INPUT": make_layer(f"{name}.tif").id(), "OUTPUT_FOLDER": str(tmp_path / name)}
        assert algorithm.run(values, context, feedback)[1]
        rows.append((algorithm, context, feedback))
    for algorithm, context, feedback in rows:
        handleAlgorithmResults(algorithm, context, feedback)
    qgis_app.processEvents()
    assert sorted(groups(project)) == ["Unmixed: one", "Unmixed: two"]
