"""Shipped settings held against others: evidence for defaults.

Classifiers are tried on scenes that hold the training pixels of another alone, called ``<scene>_choices``, so that its
test pixels have no part in it; blind unmixing on the simulated scenes.
"""

from __future__ import annotations

from backend.methods import method
from tests.benchmarks.compare import Difference, difference, right_pixels, summary
from tests.benchmarks.page_tables import limits, said, table
from tests.benchmarks.results import Results

SUFFIX = "_choices"
SEEDS = 3
ALTERNATIVES = {
    "mambahsi": ("regression=False",),
    "mim": ("regression=False", "stem=1"),
    "spectralmamba": ("regression=False", "patch=1"),
    "unmamba": ("weight_spread=1.0",),
}
"""Of each method, what is tried instead of the shipped settings."""
PAIRS = [(name, f"{name},{one}") for name, some in ALTERNATIVES.items() for one in some]
TITLE = "Shipped settings against others"
TEXT = (
    "Classifiers learn from some blocks of the training pixels of a scene (Indian Pines, `mim_split`; Potsdam, tiles) "
    "and are judged by others of them; blind unmixing is judged on simulated scenes. Same splits and seeds; the "
    "difference is what was tried less what is shipped; the interval of OA is by resampling places, that of RMSE over "
    "seeds (Student's t), the chance of training alone. Test pixels of these two splits have no part in it; those of "
    "`dase_split` and of the block splits are drawn from all labels, these among them.\n\n"
)
TRIED = {variant for _, variant in PAIRS}
"""The variants that stand in this part of the page alone."""
HEADER = ["method", "tried", "scene", "seeds", "figure", "as shipped", "as tried", "difference", "95 %"]
WORDS = {"True": "yes", "False": "no"}


def reported(scene: str) -> bool:
    """Whether a scene's figures are those of methods; if not, settings are tried on it."""
    return not scene.endswith(SUFFIX)


def section(results: Results) -> str:
    """What every alternative reached beside the shipped settings, on the same splits and seeds."""
    rows = [
        [method(shipped).label, _said(tried), scene, *found]
        for shipped, tried in PAIRS
        for scene in results.scenes()
        if (found := compared(results, scene, shipped, tried))
    ]
    return f"## {TITLE}\n\n{TEXT}" + table(HEADER, rows)


def compared(results: Results, scene: str, shipped: str, tried: str) -> list[str]:
    """Seeds, figure, as shipped, as tried, difference and interval on a scene; empty if the two share no seed."""
    known = [results.rows(scene, one) for one in (shipped, tried)]
    seeds = known[0].keys() & known[1].keys()
    if not seeds:
        return []
    first, second = ({seed: rows[seed] for seed in seeds} for rows in known)
    unmixed = all("oa" not in row for row in first.values())
    figure, called, factor, digits = ("rmse", "abundance RMSE", 1, 3) if unmixed else ("oa", "OA (%)", 100, 1)
    differences = {seed: {figure: second[seed][figure] - first[seed][figure]} for seed in seeds}
    found = summary(differences, figure) if unmixed else _by_places(results, scene, shipped, tried)
    assert found
    reached = [said(rows, figure, digits, factor) for rows in (first, second)]
    points = [f"{factor * found.mean:+.{digits}f}", limits(found.interval, digits, factor, "+")]
    return [str(len(seeds)), called, *reached, *points]


def _by_places(results: Results, scene: str, shipped: str, tried: str) -> Difference | None:
    sides = [right_pixels(results, scene, one) for one in (tried, shipped)]
    return difference(sides[0], sides[1]) if sides[0] and sides[1] else None


def _said(variant: str) -> str:
    """What is tried, in the words of the form."""
    name, _, given = variant.partition(",")
    key, _, value = given.partition("=")
    setting = next(one for one in method(name).settings if one.name == key)
    value, default = (WORDS.get(text, text) for text in (value, str(setting.default)))
    return f"{setting.label}: {value} instead of {default}"
