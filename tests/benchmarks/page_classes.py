"""The classification part of the scoreboard's page: how methods compare, then one section a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.benchmarks import page_plots as plots
from tests.benchmarks.cell import PATCHES
from tests.benchmarks.choices import TRIED
from tests.benchmarks.compare import Difference, Summary, difference, holm, right_pixels, summary
from tests.benchmarks.page_tables import COST, about, costs, folded, limits, ordered, said, shown, table
from tests.benchmarks.results import Results, aside
from tests.benchmarks.targets import best_network, label

HEADER = ["method", "seeds", "OA (%)", "95 % of OA", "AA (%)", "kappa", "F1 (%)", "ECE (%)", *COST]
FLOORS = ("commonest training class", "logistic regression")
RIVALS = ("random_forest", "svm", "spatial_forest", "spatial_svm")


def comparisons(results: Results, scenes: list[str]) -> str:
    """The best network of each scene against forest and SVM, and the joint method against itself without guidance."""
    found: list[tuple[str, str, str, Difference]] = []
    for scene in scenes:
        best = best_network(results, scene)
        pairs = [(best[0], rival) for rival in RIVALS] if best else []
        for first, second in [*pairs, ("ugm", "ugm,guidance=False")]:
            sides = [right_pixels(results, scene, name) for name in (first, second)]
            both = difference(sides[0], sides[1]) if sides[0] and sides[1] else None
            if both:
                found.append((scene, first, second, both))
    corrected = holm([both.p_value for *_, both in found])
    rows = [
        [
            scene,
            label(first),
            label(second),
            str(both.seeds),
            f"{100 * both.mean:+.1f}",
            limits(both.interval, 1, 100, "+"),
            f"{p:.2g}" if p >= 1e-3 else "< 0.001",
        ]
        for (scene, first, second, both), p in zip(found, corrected, strict=True)
    ]
    names = ["scene", "method", "against", "seeds", "points of OA", "95 % by places", "p (McNemar)"]
    text = (
        "The best network of each scene against the classical methods, and the joint method against itself without "
        "guidance, on the same splits. p is twice the median of McNemar's over seeds, corrected for the number of "
        "rows (Holm); it takes neighbouring pixels as independent, so look at the interval first.\n\n"
    )
    return text + table(names, rows)


def section(results: Results, scene: str, pictures: Path) -> str:
    """What is known of a scene: note, table, intervals, recall of each class, pictures."""
    whole = [one for one in variants(results, scene) if one not in TRIED]
    parts = [about(results, scene), _pixels(results, scene, whole), figures(results, scene, whole)]
    parts.append(
        folded("Intervals and classes", _intervals(results, scene, whole) + "\n" + _each(results, scene, whole))
    )
    path = pictures / f"{scene}_maps.png"
    parts.append(shown(path, "Class maps, first seed") if plots.class_maps(results, scene, whole, path) else "")
    path = pictures / f"{scene}_curve.png"
    caption = "OA against training pixels, as many of each class as it has, up to that number"
    parts.append(shown(path, caption) if plots.learning_curves(results, scene, path) else "")
    path = pictures / f"{scene}_cost.png"
    caption = "OA against processor time; bars: standard deviation over seeds"
    parts.append(shown(path, caption) if plots.cost(results, scene, whole, "oa", path) else "")
    return "\n".join(parts)


def figures(results: Results, scene: str, whole: list[str]) -> str:
    """The table of a scene's methods, and below them the simplest answers."""
    rows = []
    for one in whole:
        known, right = results.rows(scene, one), right_pixels(results, scene, one)
        interval = limits(right.interval, 1, 100) if right else "-"
        shares = [said(known, "aa", 1, 100), said(known, "kappa", 3), said(known, "f1", 1, 100)]
        shares += [said(known, "ece", 1, 100)]
        rows.append([label(one), str(len(known)), said(known, "oa", 1, 100), interval, *shares, *costs(known)])
    floors = results.rows(scene, "floors")
    for name in FLOORS:
        if summary(floors, name):
            known = [f"*the {name}*", str(len(floors)), said(floors, name, 1, 100)]
            rows.append([*known, *[""] * (len(HEADER) - len(known))])
    return table(HEADER, rows)


def variants(results: Results, scene: str) -> list[str]:
    """What has classified a scene, learning curves and ablations apart."""
    found = [one for one in results.variants(scene) if summary(results.rows(scene, one), "oa")]
    return ordered([one for one in found if not aside(one)])


def _pixels(results: Results, scene: str, whole: list[str]) -> str:
    """How many pixels there are, and how near test pixels lie to what was trained on."""
    first: dict[str, Any] = next(iter(results.rows(scene, whole[0]).values()), {}) if whole else {}
    floors = results.rows(scene, "floors").get(0, {})
    counts = [f"{first[f'{part}_pixels']:.0f} {part}" for part in ("training", "validation", "test") if first]
    text = f"Pixels of the first seed: {', '.join(counts)}."
    shares = [f"{100 * floors[f'near_{one}']:.0f} % within {one} x {one}" for one in PATCHES if f"near_{one}" in floors]
    return text + (f" Test pixels with a training pixel near them: {', '.join(shares)}.\n" if shares else "\n")


def _intervals(results: Results, scene: str, whole: list[str]) -> str:
    """95 % intervals of the means over seeds of the other figures."""
    rows = []
    for one in whole:
        known = results.rows(scene, one)
        pairs = [(summary(known, name), digits) for name, digits in (("aa", 1), ("kappa", 3), ("f1", 1), ("ece", 1))]
        rows.append([label(one), *(_share(found, digits) for found, digits in pairs)])
    text = "95 % intervals of the means over seeds (Student's t): chance of training and splits, not of the places.\n\n"
    return text + table(["method", "AA (%)", "kappa", "F1 (%)", "ECE (%)"], rows)


def _share(found: Summary | None, digits: int) -> str:
    """The interval of a figure that lies between 0 and 1."""
    if not found:
        return "-"
    low, high = (min(max(one, 0.0), 1.0) if one == one else one for one in found.interval)
    return limits((low, high), digits, 1 if digits == 3 else 100)


def _each(results: Results, scene: str, whole: list[str]) -> str:
    """Mean recall of every class, in percent."""
    names, rows = results.rows(scene, "floors").get(0, {}).get("classes", []), []
    for one in whole:
        tables = [row["recall_each"] for row in results.rows(scene, one).values() if "recall_each" in row]
        known = [[value for value in values if value == value] for values in zip(*tables, strict=True)]
        rows.append([label(one), *(f"{100 * sum(some) / len(some):.0f}" if some else "-" for some in known)])
    return "Recall of each class (%):\n\n" + table(["method", *names], rows)
