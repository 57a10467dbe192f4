"""What finished cells say together: means over seeds, intervals, and whether two methods differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from backend.accuracy import difference_interval, mcnemar, no_interval
from tests.benchmarks.results import Results

Interval = tuple[float, float]
NOWHERE = (float("nan"), float("nan"))


@dataclass(frozen=True)
class Summary:
    """A figure over seeds: mean, standard deviation, number of seeds."""

    mean: float
    sd: float
    seeds: int

    def said(self, digits: int, factor: float = 1) -> str:
        """The mean, and the standard deviation if there is one, times a factor."""
        spread = f" ± {factor * self.sd:.{digits}f}" if self.seeds > 1 else ""
        return f"{factor * self.mean:.{digits}f}{spread}"

    @property
    def interval(self) -> Interval:
        """95 % interval of the mean over seeds (Student's t); NaN of one or two, which say next to nothing."""
        if self.seeds < 3:
            return NOWHERE
        half = float(student.ppf(0.975, self.seeds - 1)) * self.sd / self.seeds**0.5
        return (self.mean - half, self.mean + half)


def summary(rows: dict[int, dict[str, Any]], figure: str) -> Summary | None:
    """Of a figure over the seeds that have it; None if none has."""
    values = [row[figure] for row in rows.values() if figure in row]
    if not values:
        return None
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return Summary(float(np.mean(values)), spread, len(values))


@dataclass(frozen=True)
class Right:
    """Which test pixels a method has right, by seed, and the number of the block each lies in, that of its place."""

    seeds: tuple[int, ...]
    pixels: tuple[NDArray[np.bool_], ...]
    blocks: tuple[NDArray[np.int64], ...]

    @property
    def interval(self) -> Interval:
        """95 % interval of the OA by resampling places; what every seed says of a place goes with it."""
        right = np.concatenate(self.pixels)
        return _interval(right, np.zeros_like(right), np.concatenate(self.blocks))


def right_pixels(results: Results, scene: str, variant: str) -> Right | None:
    """What a method has right on the test pixels of a scene; None without results."""
    arrays = results.arrays(scene, variant)
    seeds = sorted(int(name.removeprefix("right_")) for name in arrays if name.startswith("right_"))
    blocks = tuple(arrays[f"blocks_{seed}"].astype(np.int64) for seed in seeds)
    pixels = tuple(arrays[f"right_{seed}"].astype(bool) for seed in seeds)
    return Right(tuple(seeds), pixels, blocks) if seeds else None


@dataclass(frozen=True)
class Difference:
    """Of the OA of two methods on the same splits: mean, 95 % interval by resampling blocks, McNemar's p-value.

    ``p_value``: twice the median over seeds, at most 1, which is a valid p-value however the seeds hang together
    (Rueger's rule; Vovk, Wang, Biometrika 107:791, 2020).
    """

    mean: float
    interval: Interval
    p_value: float
    seeds: int


def difference(first: Right, second: Right) -> Difference | None:
    """First minus second over the seeds that both have; None if they share none.

    A seed whose test pixels are not the same is left out: a scene that is read otherwise than when one of the cells was
    computed may have lost or won some.
    """
    both = [seed for seed in first.seeds if seed in second.seeds]
    places = [(first.seeds.index(seed), second.seeds.index(seed)) for seed in both]
    pairs = [(one, other) for one, other in places if np.array_equal(first.blocks[one], second.blocks[other])]
    if not pairs:
        return None
    mine, theirs = (
        np.concatenate([side.pixels[pair[at]] for pair in pairs]) for at, side in enumerate((first, second))
    )
    blocks = np.concatenate([first.blocks[one] for one, _ in pairs])
    values = [mcnemar(first.pixels[one], second.pixels[other]).p_value for one, other in pairs]
    interval = _interval(mine, theirs, blocks)
    p_value = min(1.0, 2 * float(np.median(values)))
    return Difference(float(mine.mean() - theirs.mean()), interval, p_value, len(pairs))


def _interval(first: NDArray[np.bool_], second: NDArray[np.bool_], blocks: NDArray[np.int64]) -> Interval:
    """That of a difference; NaN where the pixels lie in too few blocks for one."""
    return NOWHERE if no_interval(blocks) else difference_interval(first, second, blocks)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values corrected for being so many (Holm, Scand. J. Statist. 6:65, 1979)."""
    order, found, last = np.argsort(p_values), [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        last = max(last, min(1.0, (len(p_values) - rank) * p_values[place]))
        found[place] = last
    return found
