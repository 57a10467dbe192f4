"""A short pass of killed and starved runs; and what counts as a finding there."""

from __future__ import annotations

import random
import time

import pytest
from mixel.backend.protocol import JOB_FILE, PARTIAL, Job

from tests.torture import driver
from tests.torture.kills import Kills
from tests.torture.limits import starve, twice
from tests.torture.network import ask
from tests.torture.runs import Place, faults, wrong_sentence


@pytest.mark.parametrize("experiment", [starve, twice, ask])
def test_one_experiment_of_each_kind_finds_nothing(tmp_path, experiment):
    assert experiment(Place(tmp_path / "place"), random.Random(int(time.time()))) == []


def test_kills_at_random_moments_find_nothing(tmp_path):
    kills, chance = Kills(), random.Random(int(time.time()))
    kills.seconds, kills.expected = {"vca_fcls": 0.0}, {}
    found = kills._learn(Place(tmp_path / "first"), "vca_fcls")
    for number in range(2):
        place = Place(tmp_path / str(number))
        found += kills.once(place, _Only(chance))
    assert found == [] and kills.longest < 4


def test_a_pass_on_two_cores_counts_the_experiments_of_both():
    done = driver.run(0.01, int(time.time()), at_once=2, only="network")
    assert done.counts["network"] >= 2 and done.found == []


class _Only(random.Random):
    """Chooses the method that is known already."""

    def __init__(self, chance):
        super().__init__(chance.random())

    def choice(self, seq):
        """Any of a sequence but of the methods."""
        return "vca_fcls" if "vca_fcls" in seq else super().choice(seq)


def test_results_without_a_record_or_a_record_without_results_are_findings(tmp_path):
    (tmp_path / "error.tif").write_text("")
    assert faults(tmp_path, ["error.tif"]) == ["no record, but ['error.tif']"]
    job = Job("unmix", "edaa", "a.tif", "out", record={"seconds": 1})
    job.write(tmp_path / JOB_FILE)
    assert faults(tmp_path, ["error.tif"]) == []
    assert faults(tmp_path, ["error.tif", "report.html"]) == ["a record, but only ['error.tif']"]
    (tmp_path / "error.tif").unlink()
    (tmp_path / JOB_FILE).unlink()
    (tmp_path / PARTIAL).mkdir()
    assert faults(tmp_path, ["error.tif"]) == []


@pytest.mark.parametrize(
    ("text", "faulty"), [("All is well.", False), ("x" * 301 + ".", True), ("Two\nlines.", True), ("no end", True)]
)
def test_sentences_have_an_end_one_line_and_few_characters(text, faulty):
    assert bool(wrong_sentence(text)) == faulty
