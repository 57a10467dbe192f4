"""Grown trees as plain arrays, and their vote on spectra.

Spectra are float32, and so is a threshold here: the largest float32 not above scikit-learn's, so that every spectrum
takes the same side.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...cube import Array
from ...jit import kernel
from ...scan import pool

CHUNK = 512
"""Pixels that one thread takes through all trees: their spectra stay in its cache."""
TOGETHER = 8
"""Pixels that walk down a tree side by side: while one waits for memory, the others go on."""
NODE = np.dtype([("band", np.int32), ("threshold", np.float32), ("left", np.int32), ("right", np.int32)])
TYPES = {"roots": np.int32, "bands": np.int32, "thresholds": np.float32, "children": np.int32, "shares": np.float32}


@dataclass(frozen=True)
class Trees:
    """The nodes of all trees, tree after tree, children behind their parents.

    ``roots`` (trees,): the first node of each. ``bands`` (nodes,): what a node looks at, -1 = it is a leaf.
    ``thresholds`` (nodes,): up to this value a spectrum goes left. ``children`` (nodes, 2): left and right, node
    numbers; of a leaf the first is a row of ``shares`` (kinds, classes): the probabilities, each kind of leaf once.
    """

    roots: NDArray[np.int32]
    bands: NDArray[np.int32]
    thresholds: Array
    children: NDArray[np.int32]
    shares: Array

    @classmethod
    def of(cls, grown: list[Any], columns: NDArray[np.int64], num_classes: int) -> Trees:
        """From scikit-learn's trees; ``columns``: the class, from 0, of each of their outputs."""
        found = [tree.tree_ for tree in grown]
        counts = np.array([tree.node_count for tree in found])
        roots = np.concatenate([[0], counts.cumsum()[:-1]])
        pairs = [np.stack([tree.children_left, tree.children_right], axis=1) for tree in found]
        bands = np.concatenate([tree.feature for tree in found])
        children = np.concatenate([pair + root for pair, root in zip(pairs, roots, strict=True)])
        leaf = np.concatenate([tree.children_left for tree in found]) < 0
        values = np.concatenate([tree.value[tree.children_left < 0, 0] for tree in found])
        kinds, rows = np.unique(values.astype(np.float32), axis=0, return_inverse=True)
        shares = np.zeros((len(kinds), num_classes), np.float32)
        shares[:, columns] = kinds / kinds.sum(axis=1, keepdims=True)
        bands[leaf] = -1
        children[leaf] = np.stack([rows.reshape(-1), np.zeros(len(rows), int)], axis=1)
        thresholds = np.where(leaf, 0, np.concatenate([tree.threshold for tree in found]))
        return cls(
            roots.astype(np.int32), bands.astype(np.int32), _not_above(thresholds), children.astype(np.int32), shares
        )

    @classmethod
    def restore(cls, arrays: dict[str, NDArray[Any]], num_classes: int, num_bands: int) -> Trees:
        """From ``arrays()``. ValueError, one sentence, if they are no trees for so many bands and classes."""
        _check(arrays, num_classes, num_bands)
        return cls(**arrays)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All fields by name."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def vote(self, spectra: Array) -> Array:
        """The mean of the trees' probabilities (pixels, classes) for spectra (pixels, bands), on all cores."""
        nodes = np.empty(len(self.bands), NODE)
        nodes["band"], nodes["threshold"] = self.bands, self.thresholds
        nodes["left"], nodes["right"] = self.children.T
        found = np.zeros((len(spectra), self.shares.shape[1]), np.float32)

        def work(part: int) -> None:
            where = slice(part * CHUNK, (part + 1) * CHUNK)
            votes = np.zeros(found[where].shape)
            _vote(np.ascontiguousarray(spectra[where], np.float32), nodes, self.roots, self.shares, votes)
            found[where] = votes / votes.sum(axis=1, keepdims=True)

        pool.run(-(-len(spectra) // CHUNK), work)
        return found


@kernel
def _vote(spectra: Any, nodes: Any, roots: Any, shares: Any, votes: Any) -> None:
    """Add every tree's probabilities (pixels, classes) for spectra (pixels, bands) to ``votes``."""
    at = np.empty(TOGETHER, np.int32)
    for root in roots:
        for start in range(0, len(spectra), TOGETHER):
            count = min(TOGETHER, len(spectra) - start)
            at[:count] = root
            walking = True
            while walking:
                walking = False
                for one in range(count):
                    node = nodes[at[one]]
                    if node.band >= 0:
                        low = spectra[start + one, node.band] <= node.threshold
                        at[one] = node.left if low else node.right
                        walking = True
            for one in range(count):
                kind = nodes[at[one]].left
                for column in range(shares.shape[1]):
                    votes[start + one, column] += shares[kind, column]


def _not_above(values: NDArray[np.float64]) -> Array:
    rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _check(arrays: dict[str, NDArray[Any]], num_classes: int, num_bands: int) -> None:
    if set(arrays) != set(TYPES):
        raise _misfit(f"{min(set(arrays) ^ set(TYPES))!r} is missing or not expected")
    for name, kind in TYPES.items():
        if not isinstance(arrays.get(name), np.ndarray) or arrays[name].dtype != kind:
            raise _misfit(f"{name!r} does not hold numbers of type {np.dtype(kind)}")
    roots, bands, thresholds, children, shares = (arrays[name] for name in TYPES)
    nodes = len(bands) if bands.ndim == 1 else 0
    if nodes == 0 or thresholds.shape != (nodes,) or children.shape != (nodes, 2):
        raise _misfit("bands, thresholds and children are not of one number of nodes")
    if shares.ndim != 2 or shares.shape[1] != num_classes or len(shares) == 0:
        raise _misfit(f"the leaves are not of {num_classes} classes")
    if not np.isfinite(thresholds).all() or not _are_shares(shares):
        raise _misfit("thresholds or probabilities are no numbers in their range")
    if roots.ndim != 1 or len(roots) == 0 or roots[0] != 0 or (np.diff(roots) <= 0).any() or roots[-1] >= nodes:
        raise _misfit("the trees do not follow each other")
    if bands.min() < -1 or bands.max() >= num_bands:
        raise _misfit(f"a node looks at a band beyond the {num_bands} there are")
    _check_children(roots, bands, children, len(shares))


def _check_children(
    roots: NDArray[np.int32], bands: NDArray[np.int32], children: NDArray[np.int32], kinds: int
) -> None:
    """Children come after their parent and before their tree's end: no walk is endless or leaves its tree."""
    leaf, number = bands < 0, np.arange(len(bands))
    ends = np.append(roots[1:], len(bands))[np.searchsorted(roots, number, side="right") - 1]
    inner = children[~leaf]
    if (inner <= number[~leaf, None]).any() or (inner >= ends[~leaf, None]).any():
        raise _misfit("a node's children do not lie behind it in its tree")
    rows = children[leaf, 0]
    if (rows < 0).any() or (rows >= kinds).any():
        raise _misfit("a leaf's probabilities are not there")


def _are_shares(shares: Array) -> bool:
    return bool((shares >= 0).all() and (np.abs(shares.sum(axis=1) - 1) < 1e-3).all())


def _misfit(fault: str) -> ValueError:
    return ValueError(f"The weights are no random forest for these classes and bands: {fault}.")
