"""Endmember extraction: VCA, N-FINDR, SiVM and PPI. Pixels (pixels, bands) in, indices (endmembers,) of pixels out.

All take it that each material is pure in some pixel, search the corners of the pixels' cloud, and see only pixels
whose values are all finite. They find the corners of a noiseless simplex exactly. The same seed gives the same pixels.
"""

from __future__ import annotations

import numpy as np

from ..cube import Array
from .subspace import Integers, Table, correlation, leading, moments, principal, project, simplex_volume, usable

SWEEPS = 100
"""N-FINDR stops on its own long before; the volume grows with every exchange."""
GROWTH = 1e-9
"""An exchange must enlarge the volume by more than this share."""


def vca(pixels: Array, num_endmembers: int, seed: int, repeats: int = 1) -> Integers:
    """Vertex component analysis (Nascimento and Dias 2005, algorithm 1): of ``repeats`` runs the one of most volume.

    Each run takes the pixel farthest along a random direction orthogonal to the endmembers so far.
    """
    good = usable(pixels, num_endmembers)
    cloud, components = _cloud(pixels[good], num_endmembers), _components(pixels[good], num_endmembers)
    generator = np.random.default_rng(seed)
    runs = [_vertices(cloud, generator) for _ in range(max(1, repeats))]
    return good[max(runs, key=lambda found: simplex_volume(components[found]))]


def nfindr(pixels: Array, num_endmembers: int, seed: int, repeats: int = 1) -> Integers:
    """N-FINDR (Winter 1999): exchanges endmembers for pixels while the simplex grows; of several starts the largest.

    A corner's share of the volume is its distance from the plane of the others, so one product per corner finds the
    best exchange among all pixels.
    """
    good = usable(pixels, num_endmembers)
    components = _components(pixels[good], num_endmembers)
    generator = np.random.default_rng(seed)
    runs = []
    for _ in range(max(1, repeats)):
        start = generator.choice(len(good), num_endmembers, replace=False)
        runs.append(_exchanged(components, start))
    return good[max(runs, key=lambda found: simplex_volume(components[found]))]


def sivm(pixels: Array, num_endmembers: int) -> Integers:
    """Simplex volume maximisation (Heylen, Burazerovic and Scheunders 2011): the simplex grows corner by corner.

    First the pixel farthest from the mean, then always the one farthest from the plane through those so far, which
    gives the largest volume. There is no chance in it.
    """
    good = usable(pixels, num_endmembers)
    components = _components(pixels[good], num_endmembers)
    found = [int(np.argmax((components**2).sum(axis=1)))]
    rest = components - components[found[0]]
    for _ in range(num_endmembers - 1):
        lengths = (rest**2).sum(axis=1)
        lengths[found] = -1  # no pixel twice, where all others lie in the plane
        found.append(int(np.argmax(lengths)))
        side = rest[found[-1]].copy()
        rest -= np.outer(rest @ side, side) / ((side @ side) or 1.0)
    return good[found]


def ppi(pixels: Array, num_endmembers: int, seed: int, num_skewers: int = 5000, angle: float = 0.05) -> Integers:
    """Pixel purity index (Boardman 1993): the pixels that lie most often at an end of a random direction (skewer).

    The directions lie in the space of the first principal components, as in practice, not in that of the bands.
    A pixel within ``angle`` (radians) of one already taken is passed over while there are others. ValueError if fewer
    pixels than endmembers are at any end.
    """
    good = usable(pixels, num_endmembers)
    hits = _hits(_components(pixels[good], num_endmembers), seed, num_skewers)
    candidates = np.argsort(-hits, kind="stable")[: np.count_nonzero(hits)]
    if len(candidates) < num_endmembers:
        raise ValueError(
            f"Only {len(candidates)} pixels lie at the end of a skewer; {num_endmembers} endmembers cannot be found "
            "among them. Ask for more skewers or fewer endmembers."
        )
    spectra = pixels[good[candidates]].astype(np.float64)
    lengths = np.linalg.norm(spectra, axis=1, keepdims=True)
    spectra /= np.where(lengths == 0, 1, lengths)
    apart = np.ones(len(candidates), dtype=bool)
    found: list[int] = []
    while len(found) < num_endmembers and apart.any():
        found.append(int(np.argmax(apart)))
        apart &= spectra @ spectra[found[-1]] < np.cos(angle)
        apart[found[-1]] = False
    others = [index for index in range(len(candidates)) if index not in found]
    return good[candidates[[*found, *others][:num_endmembers]]]


def _components(pixels: Array, num_endmembers: int) -> Table:
    """The pixels in as many dimensions as a simplex of the endmembers has (at least one)."""
    return principal(pixels, max(1, num_endmembers - 1))


def _cloud(pixels: Array, size: int) -> Table:
    """The pixels as VCA sees them (pixels, size): a cone cut by a plane at high SNR, else principal components.

    The estimate of the SNR and the limit, 15 + 10 log10(size) dB, are the paper's.
    """
    mean, covariance = moments(pixels)
    power = np.trace(covariance) + mean @ mean
    inside = np.linalg.eigvalsh(covariance)[::-1][:size].sum() + mean @ mean
    noise = power - inside
    signal = inside - size / len(mean) * power
    limit = 15 + 10 * np.log10(size)
    clear = noise <= 1e-12 * power or (signal > 0 and 10 * np.log10(signal / noise) > limit)
    if clear and size <= len(mean):  # one endmember more than bands has no cone, only a simplex
        cone = project(pixels, leading(correlation(pixels), size))
        middle = cone.mean(axis=0)
        heights = cone @ middle
        # Pixels (all but) orthogonal to the mean would be thrown to infinity; a dark pixel is no vertex.
        far = heights <= 1e-3 * (middle @ middle)
        flat: Table = cone / np.where(far, 1, heights)[:, None]
        flat[far] = 0
        return flat
    components = project(pixels, leading(covariance, size - 1), mean)
    height = np.sqrt((components**2).sum(axis=1).max())
    return np.column_stack([components, np.full(len(components), height)])


def _vertices(cloud: Table, generator: np.random.Generator) -> Integers:
    """One run of VCA on the projected pixels (pixels, size)."""
    size = cloud.shape[1]
    corners = np.zeros((size, size))
    corners[-1, 0] = 1  # the unit vector e_u of the paper; column 0 is overwritten by the first vertex
    found = np.zeros(size, np.int64)
    for index in range(size):
        direction = generator.standard_normal(size)
        across = direction - corners @ (np.linalg.pinv(corners) @ direction)
        length = np.linalg.norm(across)
        heights = np.abs(cloud @ (across / (length or 1.0)))
        heights[found[:index]] = -1
        found[index] = np.argmax(heights)
        corners[:, index] = cloud[found[index]]
    return found


def _exchanged(components: Table, start: Integers) -> Integers:
    """Exchange corners, one after the other, until no exchange enlarges the simplex."""
    found, size = start.copy(), len(start)
    lifted = np.column_stack([components[:, : max(0, size - 1)], np.ones(len(components))])
    for _ in range(SWEEPS):
        before = found.copy()
        for corner in range(size):
            others = np.delete(found, corner)
            # The last right singular vector is orthogonal to the others: the normal of their plane.
            normal = np.linalg.svd(lifted[others], full_matrices=True)[2][-1] if size > 1 else np.ones(1)
            heights = np.abs(lifted @ normal)
            heights[others] = -1
            best = int(np.argmax(heights))
            if heights[best] > heights[found[corner]] * (1 + GROWTH):
                found[corner] = best
        if np.array_equal(found, before):
            break
    return found


def _hits(components: Table, seed: int, num_skewers: int) -> Integers:
    """How many skewers each pixel is an end of."""
    generator = np.random.default_rng(seed)
    hits = np.zeros(len(components), np.int64)
    for _ in range(num_skewers):
        along = components @ generator.standard_normal(components.shape[1])
        hits[along.argmin()] += 1
        hits[along.argmax()] += 1
    return hits
