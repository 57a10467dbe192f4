"""Whether the abundances help: the same network trained once with and once without looking at them, side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ...accuracy import Confusion, confusion, difference_interval, mcnemar, no_interval
from ...cube import Cube
from ...labels import Labels
from ...methods.contract import Plan, TrainingData
from ...protocol import Progress
from ...record import Run
from ...report import Section, Table
from ..class_maps import Tested
from ..training_data import Ground, tiles
from .contract import JointMethod, JointModel

HEADER = (
    "", "Training", "Validation", "Test", "Average (test)", "Kappa (test)", "Reconstruction RMSE", "Parameters",
    "Time to learn",
)  # fmt: skip
NOTE = "Overall accuracies of each part of the labelled pixels; the reconstruction is that of a sample of the scene."


@dataclass(frozen=True)
class Side:
    """One of the two: what it is called, what it says of each part of the labelled pixels, how well it rebuilds."""

    name: str
    model: JointModel
    parts: list[Tested]
    rmse: float

    def confusion(self, part: int, num_classes: int) -> Confusion | None:
        """Of training (0), validation (1) or test pixels (2); None if there are none."""
        one = self.parts[part]
        seen = one.seen
        return confusion(one.mapped[seen], one.labels.values[seen], num_classes) if seen.any() else None


def other_model(
    run: Run, method: JointMethod, data: TrainingData, sample: list[Cube], device: object, start: float, share: float
) -> JointModel:
    """The model of this run's settings with guidance turned round; ``start``, ``share``: of the progress bar."""
    settings = replace(run.settings, guidance=not run.settings.guidance)
    return method.fit(data, sample, settings, device, _quiet(run, _name(settings.guidance), start, share))


def ablation(run: Run, known: Ground, plan: Plan, sample: list[Cube], own: JointModel, other: JointModel) -> Section:
    """The section of the report; ``own`` is this run's model, ``other`` has guidance turned round."""
    parts = [known.training, known.labels.select(known.split.validation), known.test]
    names = [_name(run.settings.guidance), _name(not run.settings.guidance)]
    sides = [
        Side(name, model, [_asked(run, model, part, plan) for part in parts], _rmse(model, sample))
        for name, model in zip(names, (own, other), strict=True)
    ]
    size = len(known.labels.classes)
    table = Table(HEADER, [_row(side, size) for side in sides], NOTE)
    tested = sides[1].confusion(2, size)
    if tested:
        run.metrics["ablation_overall_accuracy"] = tested.overall_accuracy
    run.metrics["ablation_reconstruction_rmse"] = sides[1].rmse
    return Section("With and without guidance", _difference(sides, known), tables=[table])


def _asked(run: Run, model: JointModel, labels: Labels, plan: Plan) -> Tested:
    """What a model says of labelled pixels, each seen with the surroundings it has in the map."""
    found = Tested(labels)
    for tile in tiles(run.scene, labels, plan.tile, plan.halo):
        found.see(tile.cube, model.classify(tile.cube))
    return found


def _row(side: Side, num_classes: int) -> list[str]:
    figures = [side.confusion(part, num_classes) for part in range(3)]
    shares = [f"{100 * one.overall_accuracy:.1f}\u00a0%" if one else "-" for one in figures]
    tested = figures[2]
    more = [f"{100 * tested.average_accuracy:.1f}\u00a0%", f"{tested.kappa:.3f}"] if tested else ["-", "-"]
    seconds = f"{side.model.record.seconds:.0f}\u00a0s" if side.model.record else "-"
    return [side.name, *shares, *more, f"{side.rmse:.4f}", f"{side.model.num_parameters:,}", seconds]


def _difference(sides: list[Side], known: Ground) -> str:
    """How far the test accuracies lie apart and whether that is chance, in words."""
    own, other = (side.parts[2] for side in sides)
    both = own.seen & other.seen
    if not both.any():
        return "No pixels were set aside, so nothing is known of which of the two classifies better."
    reference, blocks = known.test.values[both], known.blocks[both]
    right = [np.asarray(one.mapped[both] == reference) for one in (own, other)]
    chance = f"McNemar's test, which takes pixels as independent: p = {mcnemar(*right).p_value:.2g}."
    few = no_interval(blocks)
    if few:
        return f"Test pixels lie in {few} of the difference. {chance} Each was trained once: another seed moves both."
    low, high = difference_interval(right[0], right[1], blocks)
    return (
        f"{sides[0].name}, the overall accuracy on test pixels is {100 * low:+.1f} to {100 * high:+.1f} points from "
        f"that {sides[1].name.lower()} (95 %, by resampling blocks). {chance} Each was "
        "trained once: another seed moves both."
    )


def _rmse(model: JointModel, sample: list[Cube]) -> float:
    """Of the reconstruction over all valid pixels and bands."""
    errors = np.concatenate([model.unmix(cube).error[cube.valid] for cube in sample])
    return float(np.sqrt(np.mean(np.square(errors, dtype=np.float64))))


def _name(guidance: bool) -> str:
    return "With guidance" if guidance else "Without guidance"


def _quiet(run: Run, name: str, start: float, share: float) -> Callable[[int, int, float], None]:
    """Progress of the second training; its losses are not those of the run's curve."""

    def report(step: int, steps: int, loss: float) -> None:
        if step % max(1, steps // 100) == 0:
            run.emit(Progress(start + share * step / steps, f"{name}: training, step {step} of {steps}"))

    return report
