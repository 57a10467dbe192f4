"""Unmixing and classification in one: learn both together, map the scene, test the map, keep library and model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

from ...labels import read_labels
from ...library import Match
from ...methods.contract import Plan, TrainingData
from ...novelty import Novelty
from ...outputs import OutputFolder, refusals, required_bytes
from ...protocol import Progress
from ...record import Run
from ...report import Section
from ..class_maps import Tested, pixel_area, sections
from ..classify.testing import tested_sections
from ..classify.work import trained
from ..labelled import grid_of
from ..progress import Steps
from ..sampling import MOST, NUM_TILES, TILE, settled_number
from ..sampling import pixels_of as all_pixels
from ..training_data import Ground, ground, pixels_of, section, tell, training_data
from ..unmix.comparison import beside_classical
from ..unmix.naming import named, table
from ..unmix.reference import reference, scored
from ..unmix.work import check_values
from ..unmix.work import sections as unmixing_sections
from .ablation import ablation, other_model
from .contract import JointMethod, JointModel
from .joint_map import angle, map_both, variants_section, write_variants

TRAINING_SHARE = 0.8
"""Part of the progress bar that training takes."""
TRANSDUCTION = (
    "Classes are learnt from training pixels alone. Materials are learnt from a sample of the whole scene, in which "
    "the spectra of test pixels may be, but never their classes. The first third of the training steps learns "
    "materials alone; the loss rises where the classes join."
)


def prepare(run: Run) -> float:
    """Read the labels once to see that they fit. ValueError, a sentence, if not; gives the bytes of the results."""
    labels = read_labels(run.job.inputs["training"], grid_of(run.scene))
    most = run.settings.num_endmembers if run.options.number == "given" else MOST
    reference(run, most)
    return required_bytes(run.scene, 4 + most + (len(labels.classes) if run.options.probabilities else 0))


@dataclass(frozen=True)
class Learnt:
    """What is known before mapping. ``compared``: sections on the network unguided, and on the classical answer."""

    known: Ground
    data: TrainingData
    plan: Plan
    model: JointModel
    novelty: Novelty
    compared: list[Section]


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Train, map, test: classes, confidence, novelty, abundances, error, spectral library, model, accuracies."""
    learnt = _learn(run)
    known, model = learnt.known, learnt.model
    names, matches = named(run, model.endmembers)
    tested, classes = Tested(known.test), known.labels.classes
    tally, summary = map_both(
        run, folder.partial, model, learnt.novelty, classes, names, learnt.plan, TRAINING_SHARE, tested
    )
    run.metrics["reconstruction_rmse"] = summary.rmse
    pages = tested_sections(run, folder, known, learnt.data, tested)
    with refusals(folder.path):
        library = write_variants(run, folder.partial, model, names)
        trained(run, known, learnt.data, model, learnt.novelty).write(folder.partial)
    means = replace(library, names=names, spectra=model.endmembers, classes=None)
    return [
        *pages,
        *sections(folder.partial, classes, tally, pixel_area(grid_of(run.scene))),
        *unmixing_sections(run, folder.partial, means, summary),
        Section("Reconstruction", TRANSDUCTION, rows=[_angle_row(run)]),
        variants_section(library, model, names),
        *learnt.compared,
        *_references(run, folder, model, matches),
        section(known),
    ]


def _learn(run: Run) -> Learnt:
    """Labels, split, sample; the training, and a second one where both are to be compared."""
    method = cast(JointMethod, cast(Any, run.method).load())
    plan = method.plan(run.settings)
    run.emit(Progress(0.0, "Reading the training areas and a sample of the scene"))
    known = ground(run, plan)
    tell(run, known)
    data, sample = training_data(run, plan, known), run.scene.sample(NUM_TILES, TILE)
    check_values(run, sample)
    number = settled_number(run, run.options.number, run.settings.num_endmembers, all_pixels(sample))
    run.settings = replace(run.settings, num_endmembers=number)
    share = TRAINING_SHARE / (2 if run.options.ablation else 1)
    model = run.on_device(lambda device: method.fit(data, sample, run.settings, device, Steps(run.emit, share)))
    run.trained(model.record, model.num_parameters)
    run.metrics["reconstruction_sad"] = angle(model, sample)
    compared = [beside_classical(run, sample, model, run.settings.seed)]
    if run.options.ablation:
        other = run.on_device(lambda device: other_model(run, method, data, sample, device, share, share))
        compared.insert(0, ablation(run, known, plan, sample, model, other))
    novelty = Novelty.fit(*pixels_of(data.training), seed=run.options.split_seed)
    return Learnt(known, data, plan, model, novelty, [one for one in compared if one])


def _references(run: Run, folder: OutputFolder, model: JointModel, matches: list[Match]) -> list[Section]:
    """How far the abundances are from the user's, and how sure the endmembers' names are."""
    found = []
    given = reference(run, len(model.endmembers))
    if given:
        found.append(scored(run, given, folder.partial / "abundances.tif", model.endmembers))
    if matches:
        found.append(Section("Names of the endmembers", tables=[table(matches)]))
    return found


def _angle_row(run: Run) -> tuple[str, str]:
    found = run.metrics["reconstruction_sad"]
    return (
        "Spectral angle between pixels and their reconstruction",
        f"{found:.4f} rad (mean over a sample of the scene)",
    )
