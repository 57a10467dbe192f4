"""Spatial forest and spatial support vector machine: what neighbours are worth, settings, and arrays from strangers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mixel.backend.config import build
from mixel.backend.methods import method
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.spatial_features import HALO
from stripes import BANDS, CLASSES, CPU, data, made_scene

AXIS = np.linspace(450, 1000, BANDS).astype(np.float32)
QUICK = {"spatial_forest": {"trees": 20}, "spatial_svm": {}}
ALONE = {"spatial_forest": "random_forest", "spatial_svm": "svm"}
REFUSED = {"spatial_forest": "no random forest for these", "spatial_svm": "no support vector machine for these"}


@pytest.fixture(params=QUICK)
def name(request):
    return request.param


def noisy(rows=40, cols=36, seed=4, noise=0.6):
    """Fields of three classes whose spectra noise drowns."""
    cube, classes = made_scene(rows, cols)
    drawn = np.random.default_rng(seed).normal(0, noise, cube.reflectance.shape).astype(np.float32)
    return replace(cube, reflectance=np.where(cube.valid, cube.reflectance + drawn, 0)), classes


def fitted(name, known, report=lambda *_: None, **settings):
    config = build(method(name).config, {**QUICK.get(name, {}), **settings})
    return method(name).load().fit(known, config, CPU, report)


def restored(name, arrays, wavelengths=AXIS, **settings):
    config = build(method(name).config, {**QUICK[name], **settings})
    return method(name).load().restore(arrays, config, CLASSES, wavelengths, CPU)


def right(machine, cube, classes, known):
    """The share of the pixels that are right, those trained on left out."""
    asked = cube.valid & (known.training[0].labels == 0)
    return (machine.classify(cube).argmax(axis=0) + 1 == classes)[asked].mean()


def test_neighbours_tell_what_noise_hides(name):
    cube, classes = noisy()
    known = data(cube, classes)
    alone = fitted(ALONE[name], known, **QUICK[name])
    assert right(fitted(name, known), cube, classes, known) > right(alone, cube, classes, known) + 0.1


def test_a_method_sees_as_far_as_its_means_reach(name):
    plan = method(name).load().plan(method(name).config())
    assert plan.halo == HALO == 8 and not plan.whole


def test_weights_bring_the_same_machine_back(name):
    cube, classes = made_scene()
    machine = fitted(name, data(cube, classes))
    for wavelengths in (AXIS, None):
        again = restored(name, machine.weights(), wavelengths)
        np.testing.assert_array_equal(again.classify(cube), machine.classify(cube))
    assert again.num_parameters == machine.num_parameters > 0 and again.record is None


def test_nothing_is_pickled(name):
    cube, classes = made_scene()
    assert all(values.dtype.kind in "fiu" for values in fitted(name, data(cube, classes)).weights().values())


def test_validation_pixels_teach_the_forest_nothing():
    cube, classes = made_scene()
    known = data(cube, classes, validation=20)
    first, second = (fitted("spatial_forest", one).weights() for one in (known, replace(known, validation=[])))
    assert first.keys() == second.keys()
    for key, values in first.items():
        np.testing.assert_array_equal(values, second[key])


@pytest.mark.parametrize("noise", [0.0, 0.6])
def test_validation_pixels_choose_how_much_the_pixel_itself_counts(noise):
    cube, classes = noisy(noise=noise)
    known, heard = data(cube, classes, validation=60), []
    chosen = fitted("spatial_svm", known, lambda *told: heard.append(told))
    each = {own: fitted("spatial_svm", known, own=own) for own in (0.5, 0.25, 1.0)}
    held = known.validation[0].labels
    wrong = [(one.classify(cube).argmax(axis=0) + 1 != held)[held > 0].mean() for one in each.values()]
    assert [one[:2] for one in heard] == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_allclose([error for _, _, error in heard], wrong, atol=1e-6)
    assert chosen.features.own == list(each)[int(np.argmin(wrong))]
    np.testing.assert_array_equal(chosen.classify(cube), each[chosen.features.own].classify(cube))


def test_without_validation_pixels_the_pixel_itself_counts_half():
    cube, classes = made_scene()
    known, heard = data(cube, classes), []
    machine = fitted("spatial_svm", known, lambda *told: heard.append(told))
    assert machine.features.own == 0.5 and heard == []
    full = fitted("spatial_svm", known, own=1).inner.spectra
    np.testing.assert_allclose(machine.inner.spectra[:, :BANDS], 0.5 * full[:, :BANDS], rtol=1e-6)
    np.testing.assert_array_equal(machine.inner.spectra[:, BANDS:], full[:, BANDS:])


def test_tiles_with_their_halo_teach_what_the_whole_scene_teaches(name):
    cube, classes = made_scene(30, 30)
    known = data(cube, classes, every=2)
    labels = known.training[0].labels
    halves = [
        np.where(part, labels, 0) for part in (np.indices(labels.shape)[0] < 15, np.indices(labels.shape)[0] >= 15)
    ]
    apart = replace(known, training=[Labelled(cube, half.astype(np.int16)) for half in halves])
    first, second = (fitted(name, one) for one in (known, apart))
    assert (first.classify(cube).argmax(axis=0) == second.classify(cube).argmax(axis=0))[cube.valid].mean() > 0.95


def test_labels_on_pixels_without_data_teach_nothing(name):
    cube, classes = made_scene()
    known = data(cube, classes)
    more = known.training[0].labels.copy()
    more[~cube.valid] = 2
    again = fitted(name, replace(known, training=[Labelled(cube, more)]))
    np.testing.assert_array_equal(again.classify(cube), fitted(name, known).classify(cube))


def test_no_labelled_pixel_holds_data(name):
    cube, _ = made_scene()
    labels = np.where(cube.valid, 0, 1).astype(np.int16)
    with pytest.raises(ValueError, match="There are no training pixels"):
        fitted(name, TrainingData([Labelled(cube, labels)], [], CLASSES, np.ones(CLASSES, np.float32)))


def test_settings_of_the_forest_reach_it():
    cube, classes = made_scene()
    known, heard = data(cube, classes), []
    forest = fitted("spatial_forest", known, lambda *told: heard.append(told), trees=25)
    assert len(forest.inner.trees.roots) == 25 and [step for step, _, _ in heard] == [20, 25]
    sizes = [fitted("spatial_forest", known, **one).num_parameters for one in ({}, {"leaf": 20}, {"pixels": 20})]
    assert sizes[1] < sizes[0] and sizes[2] < sizes[0]
    few, many = (fitted("spatial_forest", known, features=one).weights()["bands"] for one in (1, 48))
    assert len(np.unique(few)) > len(np.unique(many))


def test_settings_of_the_machine_reach_it():
    cube, classes = made_scene()
    known, heard = data(cube, classes), []
    shipped = fitted("spatial_svm", known, lambda *told: heard.append(told))
    assert heard == [] and shipped.inner.machine.svc.C == 10
    assert shipped.inner.machine.svc.gamma == pytest.approx(1 / (4 * BANDS))
    chosen = fitted("spatial_svm", known, penalty=0, width=0)
    assert chosen.inner.constants[0] in (1, 10, 100, 1000) and chosen.inner.constants[1] in (0.1, 0.3, 1, 3)
    assert len(fitted("spatial_svm", known, most=100).inner.classes) == 100


def test_one_class_is_no_task_for_margins():
    cube, classes = made_scene()
    known = data(cube, classes)
    labels = np.where(known.training[0].labels == 1, 1, 0).astype(np.int16)
    with pytest.raises(ValueError, match="two classes or more"):
        fitted("spatial_svm", replace(known, training=[Labelled(cube, labels)]))


INNER = {"spatial_forest": ("bands", "shares"), "spatial_svm": ("spectra", "classes")}
HOSTILE = {
    "a missing array": lambda arrays, first, second: arrays.pop(first),
    "one array more": lambda arrays, first, second: arrays.__setitem__("more", np.zeros(3)),
    "another type": lambda arrays, first, second: arrays.__setitem__(second, arrays[second].astype(complex)),
    "fewer of them": lambda arrays, first, second: arrays.__setitem__(first, arrays[first][1:]),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_strangers_arrays_are_refused_with_a_sentence(name, case):
    cube, classes = made_scene()
    arrays = {key: values.copy() for key, values in fitted(name, data(cube, classes)).weights().items()}
    HOSTILE[case](arrays, *INNER[name])
    with pytest.raises(ValueError, match=REFUSED[name]):
        restored(name, arrays)


def test_a_classifier_of_more_features_than_there_are_is_refused(name):
    cube, classes = made_scene()
    arrays = dict(fitted(name, data(cube, classes)).weights())
    arrays["feature_weights"] = arrays["feature_weights"][:, :-1]
    with pytest.raises(ValueError, match=REFUSED[name]):
        restored(name, arrays)


def test_features_of_other_bands_are_refused(name):
    cube, classes = made_scene()
    arrays = fitted(name, data(cube, classes)).weights()
    with pytest.raises(ValueError, match="no spatial model for these"):
        restored(name, arrays, AXIS[1:])
