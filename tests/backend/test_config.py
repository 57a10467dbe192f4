"""Settings: what a user may set is checked once, with words that name the setting and its limits."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from mixel.backend.config import build, setting, settings


@dataclass(frozen=True)
class Config:
    steps: int = setting(10, "Steps", "How many.", minimum=1, maximum=100)
    rate: float = setting(0.5, "Rate", "How fast.", unit="1/s", minimum=0.1, advanced=True)
    kind: str = setting("fine", "Kind", "Which.", choices=(("fine", "Fine"), ("coarse", "Coarse")))
    name: str = setting("", "Name", "Any text.")
    quiet: bool = setting(False, "Quiet", "No words.")


def test_settings_come_in_their_order_with_everything_that_is_shown():
    found = settings(Config)
    assert [(one.name, one.type, one.default) for one in found] == [
        ("steps", int, 10),
        ("rate", float, 0.5),
        ("kind", str, "fine"),
        ("name", str, ""),
        ("quiet", bool, False),
    ]
    steps, rate, kind, *_ = found
    assert (steps.label, steps.help, steps.minimum, steps.maximum, steps.advanced) == (
        "Steps",
        "How many.",
        1,
        100,
        False,
    )
    assert (rate.unit, rate.maximum, rate.advanced) == ("1/s", None, True)
    assert kind.choices == (("fine", "Fine"), ("coarse", "Coarse"))


def test_no_values_give_the_defaults():
    assert build(Config, {}) == Config()


def test_values_arrive_in_the_type_of_their_setting():
    made = build(Config, {"steps": 20.0, "rate": 2, "kind": "coarse", "name": "ä", "quiet": True})
    assert made == Config(20, 2.0, "coarse", "ä", True)
    assert (type(made.steps), type(made.rate)) == (int, float)


@pytest.mark.parametrize(("name", "value"), [("steps", 1), ("steps", 100), ("rate", 0.1), ("rate", 1e300)])
def test_the_limits_themselves_are_allowed(name, value):
    assert getattr(build(Config, {name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps", 0, "'Steps' must be at least 1, not 0"),
        ("steps", 101, "'Steps' must be at most 100, not 101"),
        ("steps", -1e300, "'Steps' must be at least 1"),
        ("steps", 10**400, "'Steps' must be a whole number"),
        ("steps", 1.5, "'Steps' must be a whole number, not 1.5"),
        ("steps", float("nan"), "'Steps' must be a whole number"),
        ("steps", float("inf"), "'Steps' must be a whole number"),
        ("steps", "3", "'Steps' must be of type int"),
        ("steps", True, "'Steps' must be of type int"),
        ("steps", None, "'Steps' must be of type int"),
        ("steps", [3], "'Steps' must be of type int"),
        ("rate", 0.05, "'Rate' must be at least 0.1, not 0.05"),
        ("rate", float("nan"), "'Rate' must be a number"),
        ("rate", "fast", "'Rate' must be of type float"),
        ("kind", "rough", "'Kind' must be one of fine, coarse, not 'rough'"),
        ("kind", 0, "'Kind' must be of type str"),
        ("quiet", 1, "'Quiet' must be of type bool"),
        ("quiet", "yes", "'Quiet' must be of type bool"),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_wrong_value_is_refused_with_the_label_and_the_limit(name, value, words):
    with pytest.raises(ValueError) as refused:
        build(Config, {name: value})
    assert words in str(refused.value) and str(refused.value).endswith(".")


def test_an_unknown_setting_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="no setting 'speed'; the settings are steps, rate, kind, name, quiet"):
        build(Config, {"steps": 3, "speed": 1})


def test_a_field_that_nobody_described_is_found_when_the_method_is_written():
    @dataclass(frozen=True)
    class Bare:
        steps: int = 3

    with pytest.raises(TypeError, match="steps of Bare is not made by setting"):
        settings(Bare)
