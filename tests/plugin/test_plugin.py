"""The plugin as QGIS loads and unloads it, and the traps of one code base for many versions of QGIS."""

from __future__ import annotations

import ast
import configparser
import importlib.util
import subprocess
import sys
from pathlib import Path

import mixel
import pytest
from mixel.plugin.main import Plugin
from qgis.core import QgsApplication
from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QDialog, QMainWindow

ROOT = Path(mixel.__file__).parent
SHIPPED = [ROOT / "__init__.py", *(ROOT / "plugin").rglob("*.py")]


class Desktop(QObject):
    """What the plugin uses of QGIS's interface, with a real window."""

    currentLayerChanged = pyqtSignal(object)

    def __init__(self):
        super().__init__()
        self.window = QMainWindow()
        self.icons = []
        self.menu = []
        self.drops = []
        self.context_menu = {}
        self.layer = None

    def activeLayer(self):
        return self.layer

    def choose(self, layer):
        self.layer = layer
        self.currentLayerChanged.emit(layer)

    def registerCustomDropHandler(self, handler):
        self.drops.append(handler)

    def unregisterCustomDropHandler(self, handler):
        self.drops.remove(handler)

    def addCustomActionForLayerType(self, action, menu, kind, all_layers):
        assert menu == "Mixel colours" and not all_layers
        self.context_menu[action] = []

    def addCustomActionForLayer(self, action, layer):
        self.context_menu[action].append(layer)

    def removeCustomActionForLayerType(self, action):
        del self.context_menu[action]

    def mainWindow(self):
        return self.window

    def addDockWidget(self, area, dock):
        self.window.addDockWidget(area, dock)

    def removeDockWidget(self, dock):
        self.window.removeDockWidget(dock)

    def addToolBarIcon(self, action):
        self.icons.append(action)

    def removeToolBarIcon(self, action):
        self.icons.remove(action)

    def addPluginToRasterMenu(self, name, action):
        self.menu.append(action)

    def removePluginRasterMenu(self, name, action):
        self.menu.remove(action)


@pytest.fixture
def desktop(qgis_app, project, scripted):
    scripted()
    made = Desktop()
    made.window.resize(900, 700)
    made.window.show()
    yield made
    made.window.close()
    made.window.deleteLater()
    qgis_app.processEvents()


def provider():
    return QgsApplication.processingRegistry().providerById("mixel")


def test_it_registers_everything_and_takes_it_all_back(desktop):
    plugin = mixel.classFactory(desktop)
    assert isinstance(plugin, Plugin) and provider() is None
    plugin.initGui()
    assert provider() and desktop.icons and desktop.menu and plugin.dock
    assert desktop.drops and len(desktop.context_menu) == 3
    plugin.unload()
    assert provider() is None and not desktop.icons and not desktop.menu
    assert not desktop.drops and not desktop.context_menu
    plugin.unload()


def test_it_can_be_loaded_again(desktop):
    for _ in range(2):
        plugin = mixel.classFactory(desktop)
        plugin.initGui()
        plugin.unload()


def test_the_button_shows_and_hides_the_panel(desktop, qgis_app):
    plugin = mixel.classFactory(desktop)
    plugin.initGui()
    assert not plugin.dock.isVisible()
    plugin.action.trigger()
    assert plugin.dock.isVisible() and plugin.action.isChecked()
    assert desktop.window.dockWidgetArea(plugin.dock) == Qt.DockWidgetArea.RightDockWidgetArea
    plugin.action.trigger()
    assert not plugin.dock.isVisible()
    plugin.unload()


STEPS = ["addDockWidget", "addToolBarIcon", "addPluginToRasterMenu", "registerCustomDropHandler"]


def test_hyperspectral_layers_get_colours_in_the_layer_trees_menu(desktop, make_layer):
    plugin = mixel.classFactory(desktop)
    plugin.initGui()
    plain, scene = make_layer("plain.tif", bands=3), make_layer("scene.tif", bands=25)
    for layer in (None, plain, scene, plain, scene):
        desktop.choose(layer)
    assert list(desktop.context_menu.values()) == [[scene], [scene], [scene]]
    true, infrared, short_wave = desktop.context_menu
    assert true.isEnabled() and not infrared.isEnabled() and not short_wave.isEnabled()
    assert "860 nm" in infrared.toolTip()
    true.trigger()
    assert scene.renderer().redBand() == 24
    plugin.unload()


def test_colours_come_back_with_a_project_that_is_opened_again(desktop, make_layer, project, tmp_path):
    scene = make_layer("scene.tif", bands=25)
    desktop.layer = scene
    plugin = mixel.classFactory(desktop)
    plugin.initGui()
    assert list(desktop.context_menu.values()) == [[scene]] * 3
    assert project.write(str(tmp_path / "again.qgz"))
    desktop.layer = None
    assert project.read(str(tmp_path / "again.qgz"))
    (again,) = project.mapLayers().values()
    desktop.choose(again)
    assert [layers[-1] for layers in desktop.context_menu.values()] == [again] * 3
    plugin.unload()


def test_a_dropped_product_opens_the_panel_and_its_dialog(desktop, tmp_path):
    plugin = mixel.classFactory(desktop)
    plugin.initGui()
    (tmp_path / "PRS_L2D_STD_1.he5").write_bytes(b"")
    (handler,) = desktop.drops
    assert not handler.handleFileDrop(str(tmp_path / "a.shp")) and plugin.dock.isHidden()
    assert handler.handleFileDrop(str(tmp_path / "PRS_L2D_STD_1.he5"))
    assert not plugin.dock.isHidden() and plugin.dock.findChild(QDialog, "openProduct").isVisible()
    plugin.unload()


@pytest.mark.parametrize("broken", [*STEPS, "addCustomActionForLayerType"])
def test_unload_after_a_failed_load(desktop, broken, monkeypatch):
    def fail(*_):
        raise RuntimeError(broken)

    monkeypatch.setattr(desktop, broken, fail)
    plugin = mixel.classFactory(desktop)
    with pytest.raises(RuntimeError):
        plugin.initGui()
    desktop.removeToolBarIcon = desktop.removePluginRasterMenu = lambda *_: None
    desktop.unregisterCustomDropHandler = desktop.removeCustomActionForLayerType = lambda *_: None
    plugin.unload()
    assert provider() is None


def test_unload_before_anything_was_made(desktop):
    mixel.classFactory(desktop).unload()


def test_unload_ends_a_run(desktop, make_layer, scripted, wait_until, tmp_path):
    scripted("slow")
    make_layer()
    plugin = mixel.classFactory(desktop)
    plugin.initGui()
    page = plugin.dock.unmix_page
    page.bar.run_button.click()
    wait_until(lambda: (tmp_path / "scene_unmixed" / ".mixel-partial").exists())
    plugin.unload()
    assert not (tmp_path / "scene_unmixed" / ".mixel-partial").exists()
    assert QgsApplication.taskManager().countActiveTasks() == 0


def test_qgis_process_needs_no_window(qgis_app):
    plugin = mixel.classFactory(None)
    plugin.initProcessing()
    assert provider()
    plugin.unload()


def test_nothing_heavy_is_imported(desktop):
    plugin = mixel.classFactory(desktop)
    plugin.initGui()
    plugin.unload()
    assert not {"torch", "rasterio", "numba", "scipy", "sklearn", "mixel.backend.scene"} & set(sys.modules)


def test_loading_the_package_imports_no_qgis():
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('m', {str(ROOT / '__init__.py')!r}, "
        f"submodule_search_locations=[{str(ROOT)!r}])\n"
        "module = importlib.util.module_from_spec(spec); sys.modules['m'] = module\n"
        "spec.loader.exec_module(module)\n"
        "assert 'qgis' not in sys.modules and callable(module.classFactory)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_run_on_python_3_9_and_either_qt(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        assert not [name for name in names if name.split(".")[0] in ("PyQt5", "PyQt6", "torch")]
        assert not isinstance(node, ast.Assert), "bandit: no assert in shipped code"
        if isinstance(node, ast.ImportFrom) and node.module == "qgis.PyQt.QtWidgets":
            assert "QAction" not in [alias.name for alias in node.names], "Qt 6 has it in QtGui"
        if isinstance(node, ast.Attribute):
            assert node.attr != "exec_"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_enums_are_fully_scoped(path):
    """``Qt.Right`` has gone in Qt 6: a class name in front of a capital letter must be its enum."""
    enums = ("AlignRight", "AlignTop", "RightDockWidgetArea", "TextSelectableByMouse", "Antialiasing", "Yes", "NoFrame")
    enums += ("Fixed", "Expanding", "Ignored", "StyledPanel", "CanCancel", "GetDirectory", "FlagAdvanced", "Integer")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in enums:
            assert isinstance(node.value, (ast.Attribute, ast.Name))
            scope = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
            assert scope in ("kind", "yes") or isinstance(node.value, ast.Attribute), f"{path}: {node.attr}"


def test_metadata_has_what_the_repository_asks_for():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "metadata.txt", encoding="utf-8")
    said = parser["general"]
    needed = ["name", "description", "version", "qgisMinimumVersion", "author", "email", "about", "tracker"]
    for field in [*needed, "repository", "homepage", "tags", "category", "icon", "changelog"]:
        assert said.get(field), field
    assert said["name"] == "Mixel" and said["hasProcessingProvider"] == "yes"
    assert said["qgisMaximumVersion"] == "4.99" and "supportsQt6" not in said
    assert "separate Python with torch" in said["about"]
    assert (ROOT / said["icon"]).is_file()


@pytest.mark.parametrize("size", [16, 24, 64])
def test_the_icon_can_be_drawn(qgis_app, size):
    image = QIcon(str(ROOT / "resources" / "icons" / "mixel.svg")).pixmap(size, size).toImage()
    colours = {image.pixelColor(x, y).name() for x in range(size) for y in range(size)}
    assert len(colours) >= 4


def test_the_checkout_may_have_any_folder_name(tmp_path):
    link = tmp_path / "anything-at-all"
    link.symlink_to(ROOT)
    spec = importlib.util.spec_from_file_location("other", link / "__init__.py", submodule_search_locations=[str(link)])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert callable(module.classFactory)
