"""The registry of tasks and what every task must fulfil: a new one brings no test code and cannot escape these."""

from __future__ import annotations

import dataclasses

import pytest
from mixel.backend.config import settings
from mixel.backend.protocol import JOB_FILE, Job
from mixel.backend.results import layers
from mixel.backend.tasks import NoOptions, running, task, tasks

NAMES = [one.name for one in tasks()]


@pytest.fixture(params=NAMES)
def described(request):
    return task(request.param)


def test_there_are_tasks_and_an_unknown_one_is_named_with_the_known_ones():
    assert {"unmix", "count_endmembers", "extract_endmembers", "estimate_abundances", "mesma"} <= set(NAMES)
    with pytest.raises(ValueError, match="There is no task 'cook'; the tasks are"):
        task("cook")


def test_a_task_is_called_as_its_folder_and_does_its_work_there(described):
    work = described.load()
    assert work.__name__.endswith(f".tasks.{described.name}.work")
    assert callable(work.prepare) and callable(work.perform)


def test_words_for_people_are_there(described):
    assert described.label and described.title and described.group and described.tags
    assert described.summary.endswith(".")
    for one in described.inputs:
        assert one.label and one.help.endswith("."), one.name


def test_options_have_labels_helps_and_defaults_within_their_limits(described):
    for one in described.option_settings:
        assert one.label and one.help.endswith("."), one.name
        assert one.checked(one.default) == one.default
    assert dataclasses.is_dataclass(described.options)
    assert settings(NoOptions) == []


def test_outputs_have_different_names_and_files(described):
    outputs = [*described.layers, *described.files]
    names = [one.name for one in outputs]
    files = [name for one in described.files for name in (one.file, *one.beside)]
    files += [one.file for one in described.layers]
    assert len(set(names)) == len(names) and len(set(files)) == len(files)
    assert not {"report", "job", "folder"} & set(names)
    assert layers(None) == []


def test_no_parameter_of_a_task_has_the_name_of_another(described):
    inputs = [one.name for one in described.inputs]
    options = [one.name for one in described.option_settings]
    methods = {one.name for method in described.methods for one in method.settings}
    assert len({*inputs, *options}) == len(inputs) + len(options)
    assert not {*inputs, *options} & (methods | {"input", "method", "scale", "device", "output_folder", "load"})


def test_methods_belong_to_tasks_that_have_them(described):
    if described.default_method:
        assert described.default_method in {one.name for one in described.methods}
    else:
        assert described.methods == []


def test_a_method_for_a_task_without_methods_is_refused(write_scene, tmp_path):
    job = Job("count_endmembers", "unmamba", write_scene(), str(tmp_path / "out"))
    with pytest.raises(ValueError, match="has no methods to choose from"):
        running.run(job, lambda event: None)
    assert not (tmp_path / "out").exists()


def test_a_missing_or_unknown_input_is_refused(described, write_scene, tmp_path):
    scene = write_scene() if described.needs_scene else ""
    job = Job(described.name, described.default_method, scene, str(tmp_path / "out"))
    with pytest.raises(ValueError, match="reads no 'nonsense'"):
        running.run(dataclasses.replace(job, inputs={"nonsense": {"path": "x"}}), lambda event: None)
    needed = [one for one in described.inputs if not one.optional]
    if needed:
        with pytest.raises(ValueError, match=f"'{needed[0].label}' is missing"):
            running.run(job, lambda event: None)
        nowhere = {one.name: {"path": str(tmp_path / "nowhere.sli")} for one in needed}
        with pytest.raises(ValueError, match=r"nowhere\.sli"):
            running.run(dataclasses.replace(job, inputs=nowhere), lambda event: None)
    assert not (tmp_path / "out" / JOB_FILE).exists()
