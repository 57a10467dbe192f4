"""The files of a finished run as styled layers in one group, handed to whoever loads Processing's results."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from qgis.core import (
    QgsLayerTreeGroup,
    QgsLayerTreeLayer,
    QgsLayerTreeNode,
    QgsMapLayer,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsProject,
)
from qgis.PyQt.QtCore import QTimer

from ..backend.tasks import Task
from . import styles

_RANK = "mixel/rank"
_kept: List[
    QgsProcessingLayerPostProcessorInterface
] = []  # Processing holds no reference: a collected post-processor is silently skipped


class Group:
    """The group of one run in the layer tree, made when its first layer arrives."""

    def __init__(self, title: str) -> None:
        """``title``: what the group is called, with a number if the project has such a group already.

        Empty for no group: the layer stays where it arrived.
        """
        self._title = title
        self._name = ""

    def node(self, root: QgsLayerTreeGroup) -> QgsLayerTreeGroup:
        """The group's node under this root."""
        if not self._title:
            return root
        found = root.findGroup(self._name) if self._name else None
        if found is None:
            self._name = _free_name(self._title, root)
            found = root.insertGroup(0, self._name)
        return found


class Arrange(QgsProcessingLayerPostProcessorInterface):
    """Puts one layer into the run's group, in its place. One object per layer: QGIS crashes on shared ones."""

    def __init__(self, group: Group, visible: bool) -> None:
        """``visible``: whether the map shows the layer at once."""
        super().__init__()
        self._group = group
        self._visible = visible

    def postProcessLayer(
        self, layer: QgsMapLayer, context: QgsProcessingContext, feedback: Optional[QgsProcessingFeedback]
    ) -> None:
        """Called by QGIS on the main thread once the layer is in the project."""
        project, layer_id = context.project() or QgsProject.instance(), layer.id()
        if not self._place(project, layer_id):  # from 3.40 on the layer tree is filled only afterwards
            QTimer.singleShot(0, lambda: self._place(project, layer_id))

    def _place(self, project: QgsProject, layer_id: str) -> bool:
        root = project.layerTreeRoot()
        node = root.findLayer(layer_id)
        if node is None:
            return False
        group = self._group.node(root)
        node = _moved(node, group) if group is not root else _out_of_runs(node)
        node.setItemVisibilityChecked(self._visible)
        node.setExpanded(self._visible)
        return True


def run_layers(task: Task, found: Dict[str, str]) -> List[Tuple[str, QgsMapLayer]]:
    """The layers of a finished run from top to bottom, each with its output's name; ``found``: files by these names.

    ValueError if a file cannot be opened.
    """
    names = [one.name for one in (*task.files, *task.layers)]
    shown = [(name.upper(), styles.LOOKS[name]) for name in names if name in styles.LOOKS and name.upper() in found]
    return [(name, layer) for name, look in shown for layer in look(found[name])]


def hand_over(run: List[Tuple[str, QgsMapLayer]], title: str, context: QgsProcessingContext) -> None:
    """Leave the layers in the context, each with its name, its place in the group and its output's name."""
    group = Group(title)
    for rank, (output, layer) in enumerate(run):
        layer.setCustomProperty(_RANK, rank)
        details = QgsProcessingContext.LayerDetails(layer.name(), context.project(), output)
        arrange = Arrange(group, visible=rank == 0)
        _kept.append(arrange)
        details.setPostProcessor(arrange)
        context.temporaryLayerStore().addMapLayer(layer)
        context.addLayerToLoadOnCompletion(layer.id(), details)


def save_sidecars(run: List[QgsMapLayer]) -> None:
    """Write the look of each file beside it: the composite for the abundances, the ramp for the error."""
    first: Dict[str, QgsMapLayer] = {}
    for layer in run:
        first.setdefault(layer.source(), layer)
    for layer in first.values():
        styles.save_sidecar(layer)


def _moved(node: QgsLayerTreeLayer, group: QgsLayerTreeGroup) -> QgsLayerTreeLayer:
    rank = _rank(node)
    later = (place for place, child in enumerate(group.children()) if _rank(child) > rank)
    copy = node.clone()
    group.insertChildNode(next(later, len(group.children())), copy)
    node.parent().removeChildNode(node)  # last: QGIS deletes a layer whose only node goes
    return copy


def _out_of_runs(node: QgsLayerTreeLayer) -> QgsLayerTreeLayer:
    """Above the group of another run, where QGIS puts a layer if one of that run's is the current one."""
    run = node.parent()
    layers = [one.layer() for one in run.children() if isinstance(one, QgsLayerTreeLayer) and one is not node]
    if run.parent() is None or not any(one and one.customProperty(_RANK) is not None for one in layers):
        return node
    copy = node.clone()
    run.parent().insertChildNode(run.parent().children().index(run), copy)
    run.removeChildNode(node)
    return copy


def _rank(node: QgsLayerTreeNode) -> int:
    layer = node.layer() if isinstance(node, QgsLayerTreeLayer) else None
    return int(layer.customProperty(_RANK, 0)) if layer else 0


def _free_name(title: str, root: QgsLayerTreeGroup) -> str:
    number, name = 1, title
    while root.findGroup(name):
        number += 1
        name = f"{title} ({number})"
    return name
