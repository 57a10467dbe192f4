"""Settings as Processing parameters: every type, limits, shared and clashing names."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from mixel.backend.config import Setting, setting
from mixel.backend.methods import Method, methods
from mixel.backend.tasks import task
from mixel.plugin.parameters import parameter_names, setting_parameter, setting_parameters
from qgis.core import (
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)


@dataclass(frozen=True)
class First:
    count: int = setting(4, "Count", "How many.", minimum=2, maximum=9)
    rate: float = setting(0.5, "Rate", "How fast.", unit="1/s", advanced=True)


@dataclass(frozen=True)
class Second:
    count: int = setting(4, "Count", "How many.", minimum=2, maximum=9)
    rate: float = setting(0.1, "Rate", "How fast.", unit="1/s", advanced=True)


@dataclass(frozen=True)
class Third:
    rate: float = setting(0.1, "Rate", "How fast.", unit="1/s", advanced=True)


DEFAULT = Method("unmamba", "First", "unmix", "", "", "", First)
METHODS = [DEFAULT, Method("second", "Second", "unmix", "", "", "", Second)]
EARLIER = Method("earlier", "Third", "unmix", "", "", "", Third)


def test_equal_settings_share_a_parameter_and_others_do_not():
    assert parameter_names(METHODS, "unmamba") == {
        ("unmamba", "count"): "COUNT",
        ("unmamba", "rate"): "RATE",
        ("second", "count"): "COUNT",
        ("second", "rate"): "SECOND_RATE",
    }
    assert [one.name() for one in setting_parameters(METHODS, "unmamba")] == ["COUNT", "RATE", "SECOND_RATE"]


def test_another_method_changes_no_names():
    names = parameter_names([EARLIER, *METHODS], "unmamba")
    assert {key: names[key] for key in parameter_names(METHODS, "unmamba")} == parameter_names(METHODS, "unmamba")
    assert names["earlier", "rate"] == "EARLIER_RATE"


def test_help_says_whose_a_parameter_is_where_not_all_have_it():
    helps = {one.name(): one.help() for one in setting_parameters(METHODS, "unmamba")}
    assert "Only for" not in helps["COUNT"]
    assert helps["RATE"].endswith("Only for unmamba.") and helps["SECOND_RATE"].endswith("Only for second.")
    assert all("Only for" not in one.help() for one in setting_parameters([DEFAULT], "unmamba"))


def test_the_default_method_is_there():
    assert task("unmix").default_method in {one.name for one in methods("unmix")}


@pytest.mark.parametrize(
    ("kind", "default", "more", "made"),
    [
        (bool, True, {}, QgsProcessingParameterBoolean),
        (int, 4, {"minimum": 1, "maximum": 9}, QgsProcessingParameterNumber),
        (float, 0.5, {}, QgsProcessingParameterNumber),
        (str, "a", {"choices": (("a", "First"), ("b", "Second"))}, QgsProcessingParameterEnum),
        (str, "", {}, QgsProcessingParameterString),
    ],
)
def test_each_type_has_its_parameter(kind, default, more, made):
    one = setting_parameter("NAME", Setting("name", kind, default, "Label", "Help.", **more))
    assert isinstance(one, made)
    assert one.defaultValue() == default
    assert one.help().startswith("Help.")


def test_limits_unit_and_advanced():
    shown = Setting("rate", float, 0.5, "Rate", "Help.", unit="nm", minimum=0.1, maximum=2, advanced=True)
    one = setting_parameter("RATE", shown)
    assert (one.minimum(), one.maximum()) == (0.1, 2)
    assert one.dataType() == QgsProcessingParameterNumber.Type.Double
    assert one.description() == "Rate (nm)"
    assert one.flags() & QgsProcessingParameterDefinition.Flag.FlagAdvanced
    assert "0.1 to 2" in one.help()


def test_choices_are_the_words_of_the_job_file():
    one = setting_parameter("N", Setting("n", str, "b", "L", "H", choices=(("a", "First"), ("b", "Second"))))
    assert one.options() == ["a", "b"] and one.usesStaticStrings() and "b: Second" in one.help()
