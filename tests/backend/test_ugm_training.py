"""The unmixing-guided Mamba learns: seeds, guidance, class weights, validation, many tiles, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mixel.backend.cube import Cube
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.methods.ugm import method as ugm
from mixel.backend.methods.ugm.goal import Goal
from small_ugm import config, fitted, made_scene
from stripes import CLASSES, CPU, crop, data, silent


def test_the_same_seed_gives_the_same_and_another_seed_another_result() -> None:
    cube, classes, *_ = made_scene()
    first, again, other = (fitted(cube, classes, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.classify(cube), again.classify(cube))
    np.testing.assert_array_equal(first.variants, again.variants)
    assert not np.allclose(first.classify(cube), other.classify(cube), equal_nan=True)


def test_classes_do_not_touch_the_unmixing_without_guidance_and_do_with_it() -> None:
    cube, classes, *_ = made_scene()
    turned = 1 + classes % CLASSES
    for guidance in (True, False):
        some, others = (fitted(cube, one, guidance=guidance, epochs=2, weight_decay=0) for one in (classes, turned))
        heads = [one.network.unmixing.state_dict()["logits.weight"].numpy() for one in (some, others)]
        if guidance:
            assert not np.array_equal(*heads)
    first, second = (fitted(cube, classes, guidance=False, weight_mse=weight) for weight in (1.0, 100.0))
    np.testing.assert_array_equal(first.classify(cube), second.classify(cube))
    assert not np.array_equal(first.variants, second.variants)


def test_class_weights_are_heeded() -> None:
    cube, classes, *_ = made_scene()
    plain = data(cube, classes)
    heavy = TrainingData(plain.training, [], CLASSES, np.array([2.98, 0.01, 0.01], dtype=np.float32))
    maps = [
        ugm.fit(one, [cube], config(epochs=24, regression=False), CPU, silent).classify(cube) for one in (plain, heavy)
    ]
    shares = [np.nanmean(one[0]) for one in maps]
    assert shares[1] > shares[0] + 0.2


def test_validation_keeps_the_best_step() -> None:
    cube, classes, *_ = made_scene()
    record = ugm.fit(
        data(cube, classes, validation=30), [cube], config(epochs=25, learning_rate=0.03), CPU, silent
    ).record
    assert [step for step, _ in record.validation] == [20, 25]
    assert record.best_step == min(record.validation, key=lambda pair: pair[1])[0]


def test_the_materials_are_learnt_first_and_not_cut_short_by_the_validation_of_classes() -> None:
    cube, classes, *_ = made_scene()
    seen: list[str] = []
    parts = {name: getattr(Goal, name) for name in ("classes", "materials")}

    def told(name: str) -> object:
        def work(self: Goal, *given: object) -> torch.Tensor:
            seen.append(name)
            return parts[name](self, *given)

        return work

    with pytest.MonkeyPatch.context() as patch:
        for name in parts:
            patch.setattr(Goal, name, told(name))
        record = ugm.fit(data(cube, classes, validation=30), [cube], config(epochs=90), CPU, silent).record
    assert seen[:30] == ["materials"] * 30 and seen[30:32] == ["materials", "classes"]
    assert [step for step, _ in record.validation] == [40, 60, 80, 90] and record.best_step >= 40


def test_classes_are_normalised_by_training_pixels_alone_and_materials_learnt_from_the_sample() -> None:
    cube, classes, *_ = made_scene()
    training = data(cube, classes)
    other = made_scene(seed=7)[0]
    first, second = (ugm.fit(training, [one], config(), CPU, silent) for one in (cube, other))
    for name in ("mean", "scale", "projection"):
        np.testing.assert_array_equal(getattr(first.normalisation, name), getattr(second.normalisation, name))
    assert first.scale != second.scale
    assert not np.array_equal(first.variants, second.variants)


def test_large_samples_and_many_tiles_are_learnt_from_in_steps_of_bounded_size(monkeypatch) -> None:
    monkeypatch.setattr("mixel.backend.methods.ugm.goal.CLASS_PIXELS", 500)
    monkeypatch.setattr("mixel.backend.methods.ugm.goal.SAMPLE_PIXELS", 300)
    scenes = [made_scene(12, 17, seed) for seed in range(4)]
    tiles = [data(cube, classes).training[0] for cube, classes, *_ in scenes]
    empty = Labelled(tiles[0].cube, np.zeros_like(tiles[0].labels))
    training = TrainingData([*tiles, empty], [empty], CLASSES, np.ones(CLASSES, dtype=np.float32))
    found = ugm.fit(training, [cube for cube, *_ in scenes], config(), CPU, silent)
    assert len(found.record.losses) == 3
    assert np.isfinite(found.record.losses).all()


def test_a_sample_tile_without_data_is_no_fault() -> None:
    cube, classes, *_ = made_scene()
    nothing = Cube(cube.window, np.zeros_like(cube.reflectance), np.zeros_like(cube.valid))
    found = ugm.fit(data(cube, classes), [cube, nothing], config(), CPU, silent)
    assert np.isfinite(found.record.losses).all()


@pytest.mark.parametrize(("number", "words"), [(30, "usable bands"), (13, "usable bands")])
def test_more_endmembers_than_the_scene_supports_are_refused(number: int, words: str) -> None:
    cube, classes, *_ = made_scene()
    with pytest.raises(ValueError, match=words):
        fitted(cube, classes, num_endmembers=number)


def test_fewer_pixels_than_endmembers_are_refused() -> None:
    cube, classes, *_ = made_scene()
    with pytest.raises(ValueError, match="2 valid pixels"):
        ugm.fit(data(cube, classes), [crop(cube, slice(0, 1), slice(0, 2))], config(), CPU, silent)


def test_no_labelled_pixels_are_refused() -> None:
    cube, classes, *_ = made_scene()
    nothing = Labelled(cube, np.zeros_like(classes, dtype=np.int16))
    with pytest.raises(ValueError, match="no training pixels"):
        ugm.fit(TrainingData([nothing], [], CLASSES, np.ones(3)), [cube], config(), CPU, silent)


def test_a_scene_of_zeros_is_refused() -> None:
    cube, classes, *_ = made_scene()
    dark = Cube(cube.window, np.zeros_like(cube.reflectance), cube.valid)
    with pytest.raises(ValueError, match="reflectance scene"):
        ugm.fit(data(cube, classes), [dark], config(), CPU, silent)


@pytest.mark.parametrize(
    ("changes", "label"), [({"width": 20}, "Feature width"), ({"square": 5}, "Square size"), ({"stem": 4}, "Stem size")]
)
def test_odd_squares_even_stems_and_uneven_widths_are_refused(changes: dict, label: str) -> None:
    with pytest.raises(ValueError, match=label):
        config(**changes)
