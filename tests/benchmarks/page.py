"""``docs/benchmarks.md``: the finished cells as tables and pictures. Made of the cells alone, so without any data."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.benchmarks import ablations, choices, page_classes, page_unmixing
from tests.benchmarks.compare import summary
from tests.benchmarks.page_tables import table
from tests.benchmarks.presets import NAMES, deep_methods, figure_of, measured
from tests.benchmarks.presets import SCENES as PRESET_SCENES
from tests.benchmarks.results import Comparable, Results
from tests.benchmarks.targets import targets

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
PICTURES = PAGE.parent / "benchmarks"
MAPPING = PICTURES / "mapping.json"
"""What ``make bench-mapping ARGS=--keep`` left."""
HEAD = """# Benchmarks

Written by `make benchmark DATA=<folder>`; do not edit. Every figure comes from a finished cell in
[benchmarks/cells](benchmarks/cells), one scene, method and seed each, computed in a process of its own, with the
shipped settings where nothing else is said. Cells that are there count as finished; `ARGS=--again` computes them again.
Figures are means ± standard deviation over seeds; a seed draws the method's chance and the validation pixels, and in
block splits the split itself. MambaHSI and the unmixing-guided Mamba take minutes a seed and have fewer on most scenes.

How it is done, and why:

- **No label of a test pixel teaches anything**: normalisation, early stopping and class weights come from training and
  validation pixels. Unmixing needs no labels and sees the spectra of the whole scene; so does the unmixing half of the
  unmixing-guided Mamba. The components of spatial forest and spatial support vector machine are learnt from the
  spectra of all pixels in the tiles around training pixels, some of which are test pixels.
- **How defaults were chosen**: the regression beside networks by cross-validation among training pixels of Indian Pines
  (`mim_split`) and Potsdam (tiles); UNMamba's floor, its pace and what its start takes for noise by the simulated
  scenes, in scripts that are not kept. The regression and some other settings are
  [tried again](#shipped-settings-against-others) there.
  `ARGS="--validation --set NAME=VALUE"` tries any setting on validation pixels.
- **Networks classify together with a logistic regression** of single spectra; validation pixels decide how much each
  counts. What the regression does alone stands below the methods. The parameters listed are the network's; the
  regression adds one for each class and band, and one for each class.
- **Endmembers are matched by spectral angle** (Hungarian method), never by hand. "In the best order" is the RMSE if
  they were matched by abundances instead; where it is much lower, the reference's spectra and abundances call for
  different matches. The best of several seeds is never shown, only their mean.
- **Intervals of OA** are 95 %, by resampling places, whole blocks of the scene with what all seeds say of them:
  neighbouring pixels are alike, so as many as there are pixels they do not count. Other intervals are those of the mean
  over seeds (Student's t).
- **Splits**: with random pixels, or pixels side by side, a map looks better than it is elsewhere; how many test pixels
  lie near a training pixel stands beside each scene. In block splits every seed is another split, some harder than
  others, so only seeds that all methods have count. Blocks lie 6 pixels apart, as far as Mamba-in-Mamba sees; MambaHSI
  and the unmixing-guided Mamba see up to 14. Their validation pixels come from a few whole blocks in which classes are
  missing; what hangs on them (the step that is kept, how much the regression counts, how sure a map is) is rougher
  there, as it is for users who split so.
- **Cost** is processor time of one thread (core-seconds), which a busy machine distorts least, and the peak memory of
  the whole process. Cells come from several machines; only rows computed on the same one compare closely.
"""


def write_page(kept: Results) -> None:
    """Write page and pictures from whatever is finished."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    results = Comparable(kept.folder)
    parts = [HEAD, _machines(kept), _targets(results), _presets(results), choices.section(kept)]
    parts += [ablations.section(kept), _mapping()]
    reported = [one for one in results.scenes() if choices.reported(one)]
    scenes = [one for one in reported if _has(results, one, "rmse")]
    parts += ["## Unmixing\n", *(page_unmixing.section(results, one, PICTURES) for one in scenes)]
    scenes = [one for one in reported if _has(results, one, "oa")]
    parts += ["## Classification\n", page_classes.comparisons(results, scenes)]
    parts += [page_classes.section(results, one, PICTURES) for one in scenes]
    text = "\n".join(parts)
    PAGE.write_text(text, encoding="utf-8")
    for old in PICTURES.glob("*.png"):
        if f"/{old.name})" not in text:
            old.unlink()


def tables(kept: Results, scene: str) -> str:
    """What is finished of a scene, to be printed."""
    results = Comparable(kept.folder)
    pairs = (("rmse", page_unmixing), ("oa", page_classes))
    there = [part for name, part in pairs if _has(results, scene, name)]
    return "\n".join([f"{scene}\n", *(part.figures(results, scene, part.variants(results, scene)) for part in there)])


def _mapping() -> str:
    """How fast methods map, from a run of its own, side by side."""
    if not MAPPING.exists():
        return ""
    found = json.loads(MAPPING.read_text(encoding="utf-8"))
    text = (
        f"## Mapping\n\nA scene of {found['size']} and 16 classes, all methods side by side in one run "
        f"(`make bench-mapping ARGS=--keep`; {found['cpu']}; {found['date']}). Novelty is mapped beside each.\n\n"
    )
    return text + table(found["header"], found["rows"])


def _has(results: Results, scene: str, figure: str) -> bool:
    return any(summary(results.rows(scene, one), figure) for one in results.variants(scene))


def _machines(results: Results) -> str:
    """What computed the cells, as often as it did."""
    rows = [
        row
        for scene in results.scenes()
        for one in results.variants(scene)
        for row in results.rows(scene, one).values()
    ]
    names = ("torch", "numba", "numpy", "scikit-learn", "python")
    versions = Counter(", ".join(f"{name} {row[name]}" for name in names) + f"; {row['cpu']}" for row in rows)
    found = "; ".join(f"{text} ({count} cells)" for text, count in versions.most_common())
    dates = sorted({row["date"] for row in rows})
    return f"{len(rows)} cells, {dates[0]} to {dates[-1]}: {found}.\n" if rows else "No cell is finished yet.\n"


def _targets(results: Results) -> str:
    rows = [[one.goal, one.reached, one.verdict] for one in targets(results)]
    return "## What was meant to be reached\n\n" + table(["goal", "reached", "verdict"], rows)


def _presets(results: Results) -> str:
    """Cost and accuracy of the presets of every deep method."""
    rows = []
    for method in deep_methods():
        for one in measured(results, method):
            figure, factor, digits = ("OA (%)", 100, 1) if figure_of(method) == "oa" else ("abundance RMSE", 1, 3)
            said = f"{factor * one.figure.mean:.{digits}f} ({figure})"
            steps, scene = str(method.config.STEPS[one.preset]), PRESET_SCENES[method.name][0]
            seeds = str(one.figure.seeds)
            rows.append([method.label, NAMES[one.preset], steps, scene, seeds, said, f"{one.seconds.mean:,.0f}"])
    names = ["method", "preset", "steps", "scene", "seeds", "reached", "learn (core-s)"]
    return "## Presets\n\n" + table(names, rows)
