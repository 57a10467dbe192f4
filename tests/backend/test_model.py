"""Models on disk: what is written is read again, and nothing a stranger wrote does harm."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mixel.backend.config import build
from mixel.backend.cube import Cube, Window
from mixel.backend.labels import make_classes
from mixel.backend.methods import method
from mixel.backend.methods.contract import Labelled, TrainingData
from mixel.backend.model import CARD, WEIGHTS, Model, read_model
from mixel.backend.novelty import Novelty

CPU = torch.device("cpu")
BANDS, SETTINGS = 12, {"epochs": 2, "patch": 3, "stem": 1, "width": 8}
AXIS = np.linspace(450, 1000, BANDS).astype(np.float32)


def labelled():
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 2], 30).reshape(6, 10).astype(np.int16)
    values = generator.uniform(0.1, 0.3, (BANDS, 6, 10)).astype(np.float32) + 0.3 * (labels - 1)
    return Labelled(Cube(Window(0, 0, 6, 10), values.astype(np.float32), np.ones((6, 10), bool)), labels)


@pytest.fixture(scope="module")
def model():
    known = labelled()
    chosen = method("mim")
    data = TrainingData([known], [], 2, np.ones(2, np.float32), AXIS)
    fitted = chosen.load().fit(data, build(chosen.config, SETTINGS), CPU, lambda *_: None)
    pixels = known.pixels
    return Model(
        "classify", "mim", SETTINGS, make_classes(["Äcker", "wood"]), AXIS, AXIS * 0 + 6, pixels.min(axis=0),
        pixels.max(axis=0), fitted.weights(), Novelty.fit(pixels, known.classes), {"scene": "a.tif"},
    )  # fmt: skip


@pytest.fixture
def written(model, tmp_path):
    model.write(tmp_path)
    return tmp_path


def change(folder, **fields):
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps({**card, **fields}), encoding="utf-8")


def weights(folder, content):
    """Put other bytes in the place of the weights, and their digest into the card."""
    (folder / WEIGHTS).write_bytes(content)
    change(folder, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_what_is_written_is_read_again_by_either_file(model, written, name):
    again = read_model(written / name)
    assert again.classes == model.classes
    assert again.settings == SETTINGS
    assert again.record == {"scene": "a.tif"}
    assert np.allclose(again.wavelengths, AXIS)
    assert np.array_equal(again.highest, model.highest)


def test_it_classifies_as_before(model, written):
    cube = labelled().cube
    probabilities = [one.restored(CPU).classify(cube) for one in (model, read_model(written / CARD))]
    assert np.array_equal(*probabilities)
    assert np.array_equal(model.novelty.of(cube), read_model(written / CARD).novelty.of(cube))


def test_a_model_without_wavelengths(model, tmp_path):
    replace(model, wavelengths=None, fwhm=None).write(tmp_path)
    assert read_model(tmp_path / CARD).wavelengths is None


def test_a_card_without_weights(written):
    (written / WEIGHTS).unlink()
    with pytest.raises(ValueError, match="must lie beside the card"):
        read_model(written / CARD)


def test_weights_of_another_card(written):
    content = (written / WEIGHTS).read_bytes()
    (written / WEIGHTS).write_bytes(content[:-4] + b"\x00\x00\x00\x01")
    with pytest.raises(ValueError, match="damaged or belong to another model card"):
        read_model(written / CARD)


class Bomb:
    """What a pickle could do."""

    def __reduce__(self):
        return (pytest.fail, ("A pickle was opened.",))


@pytest.mark.parametrize(
    "content",
    [b"", b"no safetensors", struct.pack("<Q", 2**40) + b"{}", pickle.dumps(Bomb()), b"\x08" + bytes(7) + b"[[[[[[[["],
)
def test_weights_that_are_no_safetensors(written, content):
    weights(written, content)
    with pytest.raises(ValueError, match="no safetensors file"):
        read_model(written / CARD)


def named(name):
    """Two classes of a card, the second of this name."""
    return [{"value": value, "name": one, "colour": "#ffffff"} for value, one in enumerate(("wood", name), start=1)]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"format": 3}, "has format 3"),
        ({"method": "resnet"}, "no method 'resnet'"),
        ({"method": "unmamba"}, "does not do the task"),
        ({"method": 7}, "'method' must be a text"),
        ({"settings": {"width": 10**9}}, "Feature width"),
        ({"settings": {"evil": 1}}, "no setting 'evil'"),
        ({"settings": []}, "'settings' must be an object"),
        ({"classes": []}, "no class"),
        ({"classes": "ab"}, "list of objects"),
        ({"classes": [{"value": 1, "name": "a"}]}, "value, name and colour"),
        ({"classes": [{"value": 2, "name": "a", "colour": "#ffffff"}]}, "values 1, 2, 3"),
        ({"classes": named(7)}, "'name' must be a text"),
        ({"classes": named("a" * 201)}, "has 201 characters; 200 at most"),
        ({"classes": named("a" * 2_000_000)}, "text of 2,000,000 characters"),
        ({"classes": named("a\x01")}, "'a.x01', with characters"),
        ({"classes": named("a\0")}, "'a.x00', with characters"),
        ({"classes": named("\ud800")}, "'.ud800', with characters"),
        ({"task": "a\nb"}, "with characters"),
        ({"format": "a" * 2_000_000}, "text of 2,000,000 characters"),
        ({"record": {"scene": "\ud800.tif"}}, "with characters"),
        ({"record": {"scene": "a" * 2_000_000}}, "text of 2,000,000 characters"),
        ({"record": {"scene": ["a.tif"] * 1_000_000}}, "'scene' must be a text"),
        ({"record": {"training_pixels": {"a\x1b[31m": 1}}}, "with characters"),
        ({"wavelengths": [1, 2]}, "'wavelengths' must be 12 numbers"),
        ({"wavelengths": [10**400] * 12}, "'wavelengths' must be 12 numbers"),
        ({"wavelengths": [float("nan")] * 12}, "'wavelengths' must be 12 numbers"),
        ({"fwhm": ["a"] * 12}, "'fwhm' must be 12 numbers"),
    ],
)
def test_cards_that_say_something_impossible(written, wrong, sentence):
    change(written, **wrong)
    with pytest.raises(ValueError, match=sentence):
        read_model(written / CARD)


@pytest.mark.parametrize("content", ["", "[]", "{}", "{" * 100_000, '{"method": 1e999'])
def test_files_that_are_no_card(written, content):
    (written / CARD).write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="model card"):
        read_model(written / CARD)


def test_weights_that_do_not_fit_the_settings(written):
    change(written, settings={**SETTINGS, "width": 16})
    with pytest.raises(ValueError, match="do not belong to a Mamba-in-Mamba model"):
        read_model(written / CARD).restored(CPU)


def test_more_classes_than_the_weights_know(written):
    card = json.loads((written / CARD).read_text(encoding="utf-8"))
    change(written, classes=[*card["classes"], {"value": 3, "name": "x", "colour": "#000000"}])
    with pytest.raises(ValueError, match="do not belong"):
        read_model(written / CARD).restored(CPU)


def test_weights_as_large_as_a_disk_are_refused_before_a_byte_is_read(written, monkeypatch):
    with (written / WEIGHTS).open("r+b") as file:
        file.truncate(1_900_000_000)  # sparse
    monkeypatch.setattr("mixel.backend.model._digest", lambda path: pytest.fail("It was read."))
    with pytest.raises(ValueError, match="damaged or belong to another model card"):
        read_model(written / CARD)
    change(written, bytes=1_900_000_000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=4_000_000_000))
    with pytest.raises(ValueError, match=r"take 1.9 GB, and 4.0 GB of memory are free"):
        read_model(written / CARD)
    with (written / WEIGHTS).open("r+b") as file:
        file.truncate(3_000_000_000)
    change(written, bytes=3_000_000_000)
    with pytest.raises(ValueError, match="too large to be a model"):
        read_model(written / CARD)


def test_a_novelty_of_more_classes_than_the_card_has(model, written):
    many = replace(
        model.novelty,
        centres=np.tile(model.novelty.centres, (50, 1)).astype(np.float32),
        spreads=np.ones(50 * len(model.novelty.spreads), np.float32),
    )
    replace(model, novelty=many).write(written)
    with pytest.raises(ValueError, match="different numbers of bands or classes"):
        read_model(written / CARD)
