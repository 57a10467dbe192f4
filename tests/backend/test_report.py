"""The report: one page that needs nothing beside it, says everything, and takes no text for markup."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import rasterio
from mixel.backend.config import build
from mixel.backend.library import Library
from mixel.backend.methods import method
from mixel.backend.protocol import Job
from mixel.backend.record import Run
from mixel.backend.report import write_report
from mixel.backend.results import Unmixing
from mixel.backend.scene import Scene
from mixel.backend.summary import Summary
from mixel.backend.tasks import task
from mixel.backend.tasks.unmix.work import sections
from mixel.backend.training import Record
from scenes import QUICK, mixture, stored, write

pytestmark = pytest.mark.filterwarnings("ignore:Glyph", "ignore::rasterio.errors.NotGeoreferencedWarning")
EVIL = "<img src=x onerror='alert(1)'>&amp;"
NAMES = ["Endmember 1", f"{EVIL} $x^{{$", "_under $ 高"]
VOID = {"meta", "img", "br"}


class Page(HTMLParser):
    """Elements, texts and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


TRAINED = Record([0.5, 0.25, 0.125], 12.0)


def report(folder, *, values=None, names=NAMES, notices=("A notice.",), valid=(), training=TRAINED, **scene):
    """The text of the report of a made-up run over a scene with a hostile name."""
    values = stored() if values is None else values
    path = write(folder / f"{EVIL.replace('/', '')}.tif", values, **scene)
    with Scene(path) as opened:
        shape = (opened.rows, opened.cols)
        layers = []
        for name, count in (("abundances", len(names)), ("error", 1)):
            layer = np.full((count, *shape), np.nan, np.float32)
            layer[(slice(None), *valid)] = 1 / count
            profile = {"height": shape[0], "width": shape[1], "count": count, "dtype": "float32", "nodata": np.nan}
            with rasterio.open(folder / f"{name}.tif", "w", driver="GTiff", **profile, **opened.grid) as dataset:
                dataset.write(layer)
            layers.append(layer if name == "abundances" else layer[0] * np.float32(0.0123))
        chosen = method("unmamba")
        settings, wanted = build(chosen.config, QUICK), task("unmix")
        job = Job("unmix", "unmamba", path, str(folder), QUICK)
        run = Run(job, wanted, chosen, settings, wanted.options(), opened, lambda event: None)
        for notice in notices:
            run.notice(notice)
        summary = Summary(len(names))
        summary.add(Unmixing(*layers))
        run.metrics.update(reconstruction_rmse=summary.rmse, valid_pixels=float(summary.pixels))
        run.trained(training, 6417)
        spectra = np.random.default_rng(0).uniform(0, 1, (len(names), opened.bands)).astype(np.float32)
        write_report(folder, run, sections(run, folder, Library(names, spectra, opened.wavelengths), summary))
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return report(tmp_path_factory.mktemp("report"), notices=("First notice.", f"Second: {EVIL}"))


@pytest.fixture(scope="module")
def page(written):
    return Page(written)


def test_it_says_how_stored_values_became_reflectance(page):
    assert "stored value / 10000" in page.text


def test_the_page_is_whole_html(page, written):
    assert written.startswith("<!DOCTYPE html>") and page.open == []
    assert ("meta", {"charset": "utf-8"}) in page.tags


def test_the_page_needs_nothing_beside_it(page, written):
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        for name in ("src", "href", "srcset", "data", "action", "background"):
            assert attributes.get(name, "data:").startswith("data:")
        assert not [name for name in attributes if name.startswith("on")]
    without_pictures = re.sub(r"data:[^\"]*", "", written)
    for word in ("http:", "https:", "url(", "@import", "file:"):
        assert word not in without_pictures


def test_text_is_never_taken_for_markup(page, written):
    assert EVIL not in written
    assert sum(tag == "img" for tag, _ in page.tags) == 4
    assert page.text.count(EVIL.replace("/", "")) >= 4, "title, heading, scene's name, endmember and notice"


def test_a_method_that_trains_nothing_has_no_loss_in_its_report(tmp_path):
    untrained = Page(report(tmp_path, training=None))
    assert sum(tag == "img" for tag, _ in untrained.tags) == 3
    assert "Loss of every" not in untrained.text and "trained parameters" not in untrained.text


def test_every_picture_is_there(page):
    sources = [attributes["src"] for tag, attributes in page.tags if tag == "img"]
    assert len(set(sources)) == 4
    for source in sources:
        assert source.startswith("data:image/png;base64,")
        with rasterio.MemoryFile(base64.b64decode(source.split(",")[1], validate=True)) as file, file.open() as image:
            assert image.width > 500 and image.height > 200
            assert image.read(1).std() > 5, "not blank"
    captions = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert [caption.split(":")[0] for caption in captions] == [
        "Endmember spectra",
        "Abundances",
        "Reconstruction error per pixel",
        "Loss of every training step",
    ]


def test_notices_scene_settings_versions_and_the_way_to_repeat_stand_on_the_page(page):
    for words in (
        *("Please note", "First notice.", "Second:", "11 rows x 17 columns, 187 pixels with data"),
        *("12 of 12 used, 450 to 1000 nm", "Nodata value none", "Georeference yes", "0.0123 reflectance"),
        *("3 steps in 12 s", "6,417 trained parameters", "Endmember 1 33.3 %"),
        *("Number of endmembers 3", "Training steps 2", "Random seed 11", "Variant repaired", "Number of states 4"),
        *("How to repeat it", "mixel:unmix", "python -m backend job.json", "doi:10.1109/LGRS.2025.3545505"),
        *("Mixel ", "torch ", "numba ", "rasterio ", "Python ", "System ", "Device ", "Selective scan "),
    ):
        assert words in page.text, words


def test_a_run_without_notices_has_no_empty_box(tmp_path):
    assert "Please note" not in report(tmp_path, notices=())


def test_a_scene_that_says_nothing_of_itself(tmp_path):
    found = Page(report(tmp_path, wavelengths=None, crs=None, transform=None, names=[f"E{i}" for i in range(1, 31)]))
    assert "Georeference none" in found.text and "E30 3.3 %" in found.text


def test_a_large_scene_with_one_valid_pixel_has_a_report(tmp_path):
    values = np.zeros((12, 9, 900), np.int16)
    values[:, 4:6, 500:502] = stored(mixture(rows=2, cols=2))
    found = Page(report(tmp_path, values=values, nodata=0, valid=(5, 501), names=["a", "b"]))
    assert "Nodata value 0" in found.text and "a 50.0 %" in found.text


def test_wavelengths_with_a_gap_and_a_bad_band_are_drawn(tmp_path):
    values, axis = stored(mixture(bands=14)), [*range(450, 950, 50), 1500, 1550, 1600, 1650]
    values[3] = 7
    found = Page(report(tmp_path, values=values, wavelengths=axis))
    assert "13 of 14 used, 450 to 1650 nm" in found.text
