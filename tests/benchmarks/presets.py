"""What the presets of the deep methods cost and reach, from finished cells; the help of each method quotes it."""

from __future__ import annotations

from dataclasses import dataclass

from backend.methods import Method, methods
from tests.benchmarks.compare import Summary, summary
from tests.benchmarks.results import Results

NAMES = {"quick": "quick look", "standard": "standard", "thorough": "thorough"}
SCENES = {
    "mim": ("indian_pines", "Indian Pines"),
    "mambahsi": ("indian_pines", "Indian Pines"),
    "spectralmamba": ("indian_pines", "Indian Pines"),
    "ugm": ("indian_pines", "Indian Pines"),
    "unmamba": ("jasper_ridge", "Jasper Ridge"),
}
"""Where the presets of a method are measured: scene and its name."""


@dataclass(frozen=True)
class Measured:
    """A preset's seconds of processor time to learn, and its OA or abundance RMSE."""

    preset: str
    seconds: Summary
    figure: Summary


def deep_methods() -> list[Method]:
    """The methods with presets."""
    return [one for one in methods() if hasattr(one.config, "STEPS")]


def figure_of(method: Method) -> str:
    """The figure that a method's presets are judged by."""
    return "rmse" if method.task == "unmix" else "oa"


def measured(results: Results, method: Method) -> list[Measured]:
    """The presets of a method with finished cells."""
    found = []
    for preset in NAMES:
        variant = method.name if preset == "standard" else f"{method.name},preset={preset}"
        rows = results.rows(SCENES[method.name][0], variant)
        seconds, figure = summary(rows, "learn_core_seconds"), summary(rows, figure_of(method))
        if seconds and figure:
            found.append(Measured(preset, seconds, figure))
    return found


def sentence(results: Results, method: Method) -> str:
    """What the help says of the presets; empty without finished cells of all three."""
    found = measured(results, method)
    if len(found) < len(NAMES):
        return ""
    told = []
    for one in found:
        reached = f"{100 * one.figure.mean:.0f} % right" if figure_of(method) == "oa" else f"RMSE {one.figure.mean:.3f}"
        told.append(f"{NAMES[one.preset]} {reached} after {_time(one.seconds.mean)}")
    return f"On {SCENES[method.name][1]}, with one core: {', '.join(told)}."


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
