"""``mixel:unmix`` as Processing sees it: parameters, refusals, a whole run, failures, cancel."""

from __future__ import annotations

import json
import time

import pytest
from mixel.backend.methods import methods
from mixel.backend.protocol import Progress
from mixel.backend.tasks import task
from mixel.plugin.algorithms import TaskAlgorithm
from mixel.plugin.parameters import parameter_names
from qgis.core import (
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProject,
    QgsVectorLayer,
)

FORMS = {"ABUNDANCES": ".tif", "ERROR": ".tif", "ENDMEMBERS": ".sli", "REPORT": ".html", "JOB": ".json", "FOLDER": ""}


class Listener(QgsProcessingFeedback):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__(False)
        self.events = []
        self.errors = []
        self.warnings = []
        self.progress_texts = []

    def hear(self, event):
        self.events.append(event)

    def reportError(self, error, fatalError=False):
        self.errors.append(error)

    def pushWarning(self, warning):
        self.warnings.append(warning)

    def setProgressText(self, text):
        self.progress_texts.append(text)


def context():
    made = QgsProcessingContext()
    made.setProject(QgsProject.instance())
    return made


def parameters(layer, folder, **more):
    return {"INPUT": layer.id() if hasattr(layer, "id") else str(layer), "OUTPUT_FOLDER": str(folder), **more}


def refusal(values):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("mixel:unmix")
    fine, message = algorithm.checkParameterValues(values, context())
    assert fine == (not message)
    return message


@pytest.fixture(autouse=True)
def some_python(scripted):
    scripted()


@pytest.fixture
def algorithm(provider, project):
    return QgsApplication.processingRegistry().createAlgorithmById("mixel:unmix")


def test_it_is_listed_with_group_tags_and_help(algorithm):
    assert algorithm.id() == "mixel:unmix"
    assert algorithm.group() == "Unmixing" and algorithm.groupId() == "unmixing"
    assert "hyperspectral" in algorithm.tags()
    assert algorithm.helpUrl().startswith("https://")
    assert not algorithm.icon().isNull()


@pytest.mark.parametrize("name", ["unmix", "classify", "unmix_and_classify"])
def test_every_parameter_has_help_and_every_setting_is_a_parameter(provider, name):
    algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"mixel:{name}")
    definitions = {one.name(): one for one in algorithm.parameterDefinitions()}
    assert all(one.help() for one in definitions.values())
    names = parameter_names(methods(name), task(name).default_method)
    assert definitions["METHOD"].options() == [method.name for method in methods(name)]
    for method in methods(name):
        assert method.summary in algorithm.shortHelpString()
        for setting in method.settings:
            shown = definitions[names[method.name, setting.name]]
            assert setting.label in shown.description()
            assert shown.defaultValue() == setting.default
            advanced = bool(shown.flags() & QgsProcessingParameterDefinition.Flag.FlagAdvanced)
            assert advanced == setting.advanced


def test_outputs_are_named(algorithm):
    assert {one.name() for one in algorithm.outputDefinitions()} == set(FORMS)


def test_choices_are_words_not_numbers(algorithm):
    for name in ("METHOD", "DEVICE"):
        assert algorithm.parameterDefinition(name).usesStaticStrings()
    assert algorithm.parameterDefinition("DEVICE").options() == ["auto", "cpu", "cuda", "mps"]


def test_a_fresh_one_is_made_for_each_run(algorithm):
    assert isinstance(algorithm, TaskAlgorithm)
    assert algorithm.createInstance() is not algorithm


def test_a_whole_run_leaves_named_outputs_and_a_job_that_repeats_it(
    processing, project, make_layer, scripted, tmp_path
):
    scripted()
    folder, heard = tmp_path / "out", Listener()
    values = parameters(make_layer(), folder, NUM_ENDMEMBERS=3, EPOCHS=7, SCALE=10000, DEVICE="cpu")
    found = processing.run("mixel:unmix", values, feedback=heard)
    for name, ending in FORMS.items():
        assert str(found[name]).endswith(ending) and str(found[name]).startswith(str(folder))
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    assert job["settings"]["num_endmembers"] == 3 and job["settings"]["epochs"] == 7
    assert job["scale"] == 10000 and job["device"] == "cpu" and job["method"] == "unmamba"
    assert not heard.errors


def test_a_card_that_is_named_goes_before_the_device(processing, project, make_layer, scripted, tmp_path):
    scripted()
    values = parameters(make_layer(), tmp_path / "out", DEVICE="auto", CARD=" RTX A2000 ")
    processing.run("mixel:unmix", values, feedback=Listener())
    assert json.loads((tmp_path / "out" / "job.json").read_text(encoding="utf-8"))["device"] == "RTX A2000"


def test_events_reach_the_feedback(processing, project, make_layer, scripted, tmp_path):
    scripted("notice")
    heard = Listener()
    processing.run("mixel:unmix", parameters(make_layer(), tmp_path / "out"), feedback=heard)
    assert type(heard.events[0]).__name__ == "Started"
    assert type(heard.events[-1]).__name__ == "Done"
    assert "Three bands were left out." in heard.warnings
    assert "Training · a few seconds left" in heard.progress_texts


def test_text_is_passed_on_at_a_new_percent_or_stage_only(algorithm):
    heard = Listener()
    for step in range(1, 401):
        algorithm._tell(Progress(0.1 * step / 400, f"Training, step {step} of 400", 60.0), heard)
    assert len(heard.progress_texts) == 11  # 0 to 10 %
    assert heard.progress_texts[0].startswith("Training, step 1 of 400")
    for window in range(1, 4):
        algorithm._tell(Progress(0.1 + window / 1e6, f"Unmixing window {window} of 9000", None), heard)
    assert heard.progress_texts[11:] == ["Unmixing window 1 of 9000"]
    assert heard.progress() == pytest.approx(10, abs=0.01)


def test_scale_is_left_to_the_file_unless_given(processing, project, make_layer, scripted, tmp_path):
    scripted()
    processing.run("mixel:unmix", parameters(make_layer(), tmp_path / "out"))
    assert json.loads((tmp_path / "out" / "job.json").read_text(encoding="utf-8"))["scale"] is None


def test_a_temporary_folder_will_do(processing, project, make_layer, scripted):
    scripted()
    found = processing.run("mixel:unmix", parameters(make_layer(), "TEMPORARY_OUTPUT"))
    again = processing.run("mixel:unmix", parameters(make_layer("other.tif"), "TEMPORARY_OUTPUT"))
    assert found["FOLDER"] != again["FOLDER"]


def test_a_file_path_is_as_good_as_a_layer(processing, project, make_scene, scripted, tmp_path):
    scripted()
    found = processing.run("mixel:unmix", parameters(make_scene("ä ö/Überflug 東京.tif"), tmp_path / "Ausgabe ü 京"))
    assert found["FOLDER"].endswith("Ausgabe ü 京")


def test_a_failure_is_an_exception_with_the_backends_sentence(processing, project, make_layer, scripted, tmp_path):
    scripted("fail")
    with pytest.raises(QgsProcessingException, match="All pixels are nodata"):
        processing.run("mixel:unmix", parameters(make_layer(), tmp_path / "out"), feedback=Listener())


def test_a_crash_is_an_exception_too(processing, project, make_layer, scripted, tmp_path):
    scripted("crash")
    with pytest.raises(QgsProcessingException, match=r"\w"):
        processing.run("mixel:unmix", parameters(make_layer(), tmp_path / "out"), feedback=Listener())


def test_cancel_ends_within_two_seconds_and_leaves_nothing(processing, project, make_layer, scripted, tmp_path):
    scripted("slow")

    class Impatient(Listener):
        asked = 0.0

        def hear(self, event):
            super().hear(event)
            if len(self.events) == 6:
                self.asked = time.monotonic()
                self.cancel()

    heard = Impatient()
    found = processing.run("mixel:unmix", parameters(make_layer(), tmp_path / "out"), feedback=heard)
    assert time.monotonic() - heard.asked < 2
    assert not found.get("ABUNDANCES")
    assert not (tmp_path / "out").exists()


def test_a_cancel_leaves_the_users_own_files_alone(processing, project, make_layer, scripted, tmp_path):
    scripted("slow")
    folder = tmp_path / "out"

    class Impatient(Listener):
        def hear(self, event):
            (folder / "mine.txt").write_text("mine")
            self.cancel()

    processing.run("mixel:unmix", parameters(make_layer(), folder), feedback=Impatient())
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("name", ["mine.txt", "log.txt"])
def test_a_folder_with_the_users_own_files_is_refused_and_left_alone(provider, project, make_layer, tmp_path, name):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("mine")
    assert "already holds files" in refusal(parameters(make_layer(), folder))
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [(name, "mine")]


def test_a_run_that_failed_can_be_tried_again_in_its_folder(processing, project, make_layer, scripted, tmp_path):
    scripted("fail")
    layer = make_layer()
    with pytest.raises(QgsProcessingException):
        processing.run("mixel:unmix", parameters(layer, tmp_path / "out"), feedback=Listener())
    scripted()
    assert processing.run("mixel:unmix", parameters(layer, tmp_path / "out"))["ABUNDANCES"]


def test_two_runs_one_after_the_other(processing, project, make_layer, scripted, tmp_path):
    scripted()
    layer = make_layer()
    for name in ("one", "two"):
        assert processing.run("mixel:unmix", parameters(layer, tmp_path / name))["ABUNDANCES"]


def test_without_a_python_it_says_how_to_get_one(algorithm, monkeypatch, tmp_path):
    monkeypatch.setenv("MIXEL_PYTHON", str(tmp_path / "gone"))
    able, message = algorithm.canExecute()
    assert not able and "Python" in message


def test_a_script_without_a_python_gets_the_sentence(processing, project, make_layer, monkeypatch, tmp_path):
    monkeypatch.setenv("MIXEL_PYTHON", str(tmp_path / "gone"))
    with pytest.raises(QgsProcessingException, match="choose another"):
        processing.run("mixel:unmix", parameters(make_layer(), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_results_deleted_before_they_are_shown(processing, project, make_layer, scripted, tmp_path):
    scripted()

    class Vandal(Listener):
        def hear(self, event):
            if type(event).__name__ == "Done":
                (tmp_path / "out" / "error.tif").unlink()

    heard = Vandal()
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("mixel:unmix")
    algorithm.run(parameters(make_layer(), tmp_path / "out"), context(), heard)
    assert any("cannot be opened" in error for error in heard.errors)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"bands": 3}, "at least 4"),
        ({"bands": 5}, "needs at least 10 usable bands; the scene has 5"),
        ({"rows": 3, "cols": 5}, "3 x 5 pixels"),
    ],
)
def test_scenes_it_cannot_use_are_refused(provider, project, make_layer, tmp_path, what, said):
    assert said in refusal(parameters(make_layer(**what), tmp_path / "out"))


def test_a_scene_without_georeference_is_fine(provider, project, make_layer, tmp_path):
    assert refusal(parameters(make_layer(georeferenced=False), tmp_path / "out")) == ""


def test_a_vector_layer_is_refused(provider, project, tmp_path):
    layer = project.addMapLayer(QgsVectorLayer("Point", "points", "memory"))
    assert refusal(parameters(layer, tmp_path / "out"))


def test_a_missing_file_is_refused(provider, project, tmp_path):
    assert refusal(parameters(tmp_path / "gone.tif", tmp_path / "out"))


def test_a_layer_whose_file_is_gone_is_refused(provider, project, make_layer, tmp_path):
    layer = make_layer()
    (tmp_path / "scene.tif").unlink()
    assert "gone" in refusal(parameters(layer, tmp_path / "out"))


def test_a_folder_with_a_run_is_refused(provider, project, make_layer, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "job.json").write_text("{}")
    assert "already holds a run" in refusal(parameters(make_layer(), tmp_path / "out"))


def test_a_folder_below_a_file_is_refused(provider, project, make_layer, tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file" in refusal(parameters(make_layer(), tmp_path / "file" / "out"))


@pytest.mark.parametrize("values", [{"NUM_ENDMEMBERS": 1}, {"METHOD": "magic"}, {"DEVICE": "abacus"}, {"SCALE": -1}])
def test_wrong_settings_are_refused(provider, project, make_layer, tmp_path, values):
    assert refusal(parameters(make_layer(), tmp_path / "out", **values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"NUM_ENDMEMBERS": 1}, "'Number of endmembers' must be at least 2, not 1."),
        ({"NUM_ENDMEMBERS": 31}, "must be at most 30, not 31."),
        ({"OUTPUT_FOLDER": None}, "Choose an output folder."),
        ({"INPUT": None}, "Choose a raster layer."),
        ({"NUM_ENDMEMBERS": "many"}, "NUM_ENDMEMBERS"),
    ],
)
def test_a_refusal_names_the_limits(provider, project, make_layer, tmp_path, values, said):
    assert said in refusal({**parameters(make_layer(), tmp_path / "out"), **values})


def test_a_setting_that_does_not_fit_is_refused_before_anything_starts(provider, project, make_layer, tmp_path):
    assert "must be a multiple of 16, not 50" in refusal(parameters(make_layer(), tmp_path / "out", WIDTH=50))


def test_a_refused_run_writes_nothing(processing, project, make_layer, scripted, tmp_path):
    scripted()
    with pytest.raises(QgsProcessingException):
        processing.run("mixel:unmix", parameters(make_layer(bands=3), tmp_path / "out"))
    assert not (tmp_path / "out").exists()
