"""Networks without one of their parts: it is gone in training and in the map, and the page says what it did."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from backend.config import build
from backend.methods import method
from backend.methods.mim.network import Mim
from backend.methods.ugm.network import Ugm
from backend.scan import MambaBlock
from tests.benchmarks import ablations, benchmark, page
from tests.benchmarks.cell import Cell, score
from tests.benchmarks.results import Comparable, Results
from tests.benchmarks.scene_files import SHIPPED, BenchmarkScene, described, read_scene

SMALL = {"epochs": "2", "width": "16", "states": "4"}
FIELD = """
[cube]
file = "field.mat"
variable = "Y"
axes = "bands rows cols"
[reference]
names = ["a", "b", "c"]
abundances = { file = "field.mat", variable = "A", axes = "rows cols endmembers" }
spectra = { file = "field.mat", variable = "M", axes = "endmembers bands" }
[labels]
classes = ["a", "b", "c"]
gap = 1
all = { file = "field.mat", variable = "L" }
"""
PAIRS = [(name, parts) for name, some in ablations.TRIED.items() for parts in some]


def small_config(name, **changes):
    return build(method(name).config, {"epochs": 2, "width": 16, "states": 4, **changes})


def touched(block, at):
    """Where an output changes if one of 12 tokens does."""
    tokens = torch.randn(1, 12, 8, generator=torch.Generator().manual_seed(0))
    other = tokens.clone()
    other[:, at] += 1
    with torch.no_grad():
        return ((block(tokens) - block(other)).abs().amax(dim=(0, 2)) > 1e-7).tolist()


def learnt(block, steps=5):
    """The block after some steps of an optimiser that also shrinks weights."""
    optimiser = torch.optim.AdamW(block.parameters(), lr=0.05, weight_decay=0.1)
    for step in range(steps):
        optimiser.zero_grad()
        block(torch.randn(2, 12, 8, generator=torch.Generator().manual_seed(step))).square().sum().backward()
        optimiser.step()
    return block


def test_a_scan_without_memory_stays_so_while_it_learns():
    assert all(touched(learnt(MambaBlock(8)), 0))
    with ablations.without("scan"):
        block = learnt(MambaBlock(8))
    assert touched(block, 0) == [True] * 4 + [False] * 8, "the short convolution alone reaches on"
    weight = block.x_proj.weight
    rank, states = block.dt_rank, block.d_state
    assert (weight[rank : rank + states] == 0).all() and (weight[:rank] != 0).all()


def test_without_directions_all_scans_run_forwards():
    assert touched(MambaBlock(8, reverse=True), 11)[0]
    with ablations.without("directions"):
        assert touched(MambaBlock(8, reverse=True), 11) == [False] * 11 + [True]


def test_silent_blocks_stay_silent():
    with ablations.without("blocks"):
        block = learnt(MambaBlock(8))
    assert not any(touched(block, 0))


def test_one_scan_type_instead_of_four():
    with ablations.without("types"):
        network = Mim(small_config("mim", patch=5), 8, 3)
    assert (network.orders == network.orders[0]).all()
    assert not (Mim(small_config("mim", patch=5), 8, 3).orders == network.orders[0]).all()


@pytest.mark.parametrize(("parts", "differ"), [("", True), ("order+features", False)])
def test_abundances_have_no_say(parts, differ):
    with ablations.without(parts):
        torch.manual_seed(0)
        network = Ugm(small_config("ugm"), 8, torch.rand(3, 2, 10), 4).eval()
        values, valid = torch.randn(1, 16, 16, 8), torch.ones(1, 16, 16, dtype=torch.bool)
        first, _ = network(values, valid, (0, 0))
        with torch.no_grad():
            network.unmixing.logits.bias += torch.tensor([5.0, 0, 0])
        second, _ = network(values, valid, (0, 0))
    assert bool((first - second).abs().max() > 1e-6) is differ


@pytest.mark.parametrize(("parts", "teaches"), [("", True), ("gradient", False)])
def test_whether_unmixing_teaches_the_features(parts, teaches):
    with ablations.without(parts):
        network = Ugm(small_config("ugm"), 8, torch.rand(3, 2, 10), 4)
        unmixed = network.unmix(torch.randn(1, 8, 8, 8), torch.ones(1, 8, 8, dtype=torch.bool))
        unmixed.abundances.square().sum().backward()
    assert (network.stem.embed.weight.grad is not None) is teaches


@pytest.fixture(scope="module")
def field(tmp_path_factory) -> BenchmarkScene:
    """A scene of stripes, in each of which one of three spectra prevails, with labels and abundances."""
    folder, random, side, bands = tmp_path_factory.mktemp("data"), np.random.default_rng(0), 36, 12
    spectra = random.uniform(0.1, 0.7, (3, bands))
    classes = 1 + (np.indices((side, side)).sum(axis=0) // 4) % 3
    shares = 0.7 * np.eye(3)[classes - 1] + 0.1
    cube = np.einsum("hwr,rb->bhw", shares, spectra) + random.normal(0, 0.01, (bands, side, side))
    savemat(folder / "field.mat", {"Y": cube, "L": classes, "A": shares, "M": spectra})
    (folder / "field.toml").write_text(FIELD, encoding="utf-8")
    return read_scene(folder / "field.toml", folder, 0)


@pytest.mark.parametrize(("name", "parts"), PAIRS)
def test_every_network_learns_and_maps_without_each_part(field, name, parts):
    figures = score(Cell("field", name, 0, {**SMALL, ablations.KEY: parts}), field).figures
    assert 0 <= figures["rmse" if name == "unmamba" else "oa"] <= 1


def test_an_unknown_part_is_refused():
    with pytest.raises(ValueError, match="There is no part 'heart' to leave out"), ablations.without("scan+heart"):
        pass


def test_they_are_asked_for_by_name_only(monkeypatch, tmp_path):
    def cells(*more):
        monkeypatch.setattr(sys, "argv", ["benchmark", str(tmp_path), "--scene", "indian_pines", "--seeds", "1", *more])
        monkeypatch.setattr(benchmark, "missing_file", lambda *_: "")
        return {one.variant for one in benchmark.cells(benchmark.parsed())}

    assert described(SHIPPED / "indian_pines.toml")
    wanted = {f"{name},without={parts}" for name, parts in PAIRS if name != "unmamba"}
    assert wanted <= cells("--ablations") and not wanted & cells()


def test_the_page_says_what_a_part_is_worth_and_keeps_it_out_of_the_scenes_table(tmp_path, monkeypatch):
    results = Results(tmp_path / "cells")
    stamp = {"torch": "2", "numba": "0", "numpy": "2", "scikit-learn": "1", "python": "3", "cpu": "a b", "date": "d"}
    right = np.arange(200) % 10 > 0
    blocks = np.arange(200) // 20
    for seed in range(3):
        row = {"oa": 0.9, "test_pixels": 200.0 + seed, "training_pixels": 1.0, "validation_pixels": 1.0, "digest": "x"}
        results.add("field", "mim", seed, {**row, **stamp}, {"right": right, "blocks": blocks})
    less = {**row, "oa": 0.8, "test_pixels": 200.0}
    results.add("field", "mim,without=scan", 0, {**less, **stamp}, {"right": np.arange(200) % 5 > 0, "blocks": blocks})
    text = ablations.section(results)
    assert "its scan has no memory (y = D u) | field | 1 | OA (%) | 90.0 | 80.0 | -10.0" in text
    assert sorted(Comparable(results.folder).rows("field", "mim")) == [0, 1, 2], "all seeds count in the table"
    assert "without" not in page.tables(results, "field")
    assert ablations.section(Results(tmp_path / "none")) == ""
