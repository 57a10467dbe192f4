"""Spectra brought to the bands of another sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .spectra import Array, Library

Numbers = NDArray[np.float64]
FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
"""Full width at half maximum of a Gaussian of standard deviation 1."""
FINER = 2.0
"""So many samples in a band's fwhm at least make a library of unknown fwhm finer than the sensor."""
GAP = 4.0
"""A step so many times as wide as both its neighbours is a gap (removed water bands), not sampling."""
LEAST_KNOWN = 0.5
"""Share of a band's response that must fall on values that are there."""


def resample(library: Library, wavelengths: Array, fwhm: Array | None = None) -> Library:
    """The library as a sensor with these bands would see it: ``wavelengths``, ``fwhm`` (bands,) nm.

    The sensor's response is a Gaussian of its fwhm, integrated exactly over the library's spectra, which run linearly
    between their bands. Where both fwhm are known, the Gaussian has the width sqrt(sensor^2 - library^2), 0 if the
    library is coarser: then the spectra are interpolated linearly. So they are where the sensor's fwhm is not known,
    or the library's is not and it has fewer than two bands in the sensor's fwhm. Missing values (NaN) are left out of
    the integral; a band that sees more of them than of values is NaN.
    ValueError if the library has no wavelengths or does not cover all bands; see :func:`covered`.
    """
    targets = _checked(library, wavelengths, fwhm)
    outside = ~covered(library, targets, fwhm)
    if outside.any():
        ranges = ", ".join(f"{low:.0f}-{high:.0f}" for low, high in _ranges(_sources(library)[0]))
        raise ValueError(
            f"The library covers {ranges} nm, and {outside.sum()} of {len(targets)} bands between "
            f"{targets[outside].min():.0f} and {targets[outside].max():.0f} nm lie outside; leave these bands out."
        )
    sources, order = _sources(library)
    weights = _weights(sources, targets, _widths(library, sources, order, targets, fwhm))
    values = library.spectra[:, order].astype(np.float64)
    known = np.isfinite(values)
    share = known @ weights.T
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = np.where(known, values, 0.0) @ weights.T / share
    spectra = np.where(share >= LEAST_KNOWN - 1e-9, seen, np.nan).astype(np.float32)
    width = None if fwhm is None else np.asarray(fwhm, np.float32)
    return Library(library.names, spectra, targets.astype(np.float32), width, library.classes)


def covered(library: Library, wavelengths: Array | Numbers, fwhm: Array | None = None) -> NDArray[np.bool_]:
    """Which bands of a sensor the library covers (bands,): up to half a band beyond its range, none within its gaps.

    A band is as wide as its fwhm, or as its distance to the next one. ValueError if the library has no wavelengths.
    """
    targets = _checked(library, wavelengths, fwhm)
    half = (_steps(targets) if fwhm is None else np.asarray(fwhm, np.float64)) / 2
    ranges = _ranges(_sources(library)[0])
    inside = [(low - half <= targets) & (targets <= high + half) for low, high in ranges]
    return np.asarray(np.any(inside, axis=0))


def _checked(library: Library, wavelengths: Array | Numbers, fwhm: Array | None) -> Numbers:
    targets = np.asarray(wavelengths, np.float64)
    if library.wavelengths is None:
        raise ValueError("The library has no wavelengths, so it cannot be brought to a sensor's bands.")
    if targets.ndim != 1 or not len(targets) or not (np.isfinite(targets) & (targets > 0)).all():
        raise ValueError("The sensor's wavelengths must be a list of numbers above 0 in nanometres.")
    if fwhm is not None and (
        np.shape(fwhm) != targets.shape or not (np.isfinite(fwhm) & (np.asarray(fwhm) >= 0)).all()
    ):
        raise ValueError(f"The sensor has {len(targets)} wavelengths; it needs as many values of fwhm, none below 0.")
    return targets


def _sources(library: Library) -> tuple[Numbers, NDArray[np.int64]]:
    """The library's wavelengths, ascending and each once, and their places; detectors may overlap or run down."""
    sources, order = np.unique(np.asarray(library.wavelengths, np.float64), return_index=True)
    return sources, order


def _ranges(sources: Numbers) -> list[tuple[float, float]]:
    """The wavelengths from and to which there are values without a gap."""
    steps = np.diff(sources)
    before, after = np.r_[np.inf, steps[:-1]], np.r_[steps[1:], np.inf]
    ends = np.flatnonzero(steps > GAP * np.maximum(before, after)) if len(steps) > 2 else np.zeros(0, np.int64)
    parts = np.split(sources, ends + 1)
    return [(float(part[0]), float(part[-1])) for part in parts]


def _steps(positions: Numbers) -> Numbers:
    """How far each position is from its nearest neighbour; 0 for a single one."""
    if len(positions) < 2:
        return np.zeros(len(positions))
    order = np.argsort(positions)
    gaps = np.diff(positions[order])
    nearest = np.minimum(np.r_[np.inf, gaps], np.r_[gaps, np.inf])
    found = np.empty(len(positions))
    found[order] = nearest
    return found


def _widths(
    library: Library, sources: Numbers, order: NDArray[np.int64], targets: Numbers, fwhm: Array | None
) -> Numbers:
    """Standard deviation (bands,) of the Gaussian that makes a sensor's band out of the library; 0: interpolate."""
    if fwhm is None:
        return np.zeros(len(targets))
    wanted = np.asarray(fwhm, np.float64)
    if library.fwhm is not None:
        own = np.interp(targets, sources, np.asarray(library.fwhm, np.float64)[order])
        return np.asarray(np.sqrt(np.maximum(wanted**2 - own**2, 0.0)) / FWHM)
    right = np.clip(np.searchsorted(sources, targets), 1, max(1, len(sources) - 1))
    step = np.diff(sources)[right - 1] if len(sources) > 1 else np.full(len(targets), np.inf)
    return np.asarray(np.where(step * FINER <= wanted, wanted, 0.0) / FWHM)


def _weights(sources: Numbers, targets: Numbers, sigma: Numbers) -> Numbers:
    """How much each of the library's bands gives to each of the sensor's (targets, sources); rows sum to one."""
    weights = _interpolation(sources, targets)
    wide = np.flatnonzero(sigma > 0)
    if len(sources) > 1 and len(wide):
        integrals = _integrals(sources, targets[wide], sigma[wide])
        total = integrals.sum(axis=1)
        seen = total > 1e-3  # a band this far beyond the end sees nothing of the library; its end stands for it
        weights[wide[seen]] = integrals[seen] / total[seen, None]
    return weights


def _interpolation(sources: Numbers, targets: Numbers) -> Numbers:
    weights = np.zeros((len(targets), len(sources)))
    rows = np.arange(len(targets))
    right = np.clip(np.searchsorted(sources, targets), 1, max(1, len(sources) - 1))
    left = np.minimum(right, len(sources) - 1) - (len(sources) > 1)
    right = np.minimum(right, len(sources) - 1)
    step = np.where(right > left, sources[right] - sources[left], 1.0)
    share = np.clip((targets - sources[left]) / step, 0.0, 1.0) if len(sources) > 1 else np.zeros(len(targets))
    np.add.at(weights, (rows, left), 1 - share)
    np.add.at(weights, (rows, right), share)
    return weights


def _integrals(sources: Numbers, targets: Numbers, sigma: Numbers) -> Numbers:
    """Integral of Gaussian times hat function of each source, in closed form over every step between sources."""
    z = (sources - targets[:, None]) / sigma[:, None]
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    mass, moment = np.diff(ndtr(z), axis=1), -np.diff(density, axis=1)
    rising = (sigma[:, None] * moment - sigma[:, None] * z[:, :-1] * mass) / np.diff(sources)
    weights = np.zeros_like(z)
    weights[:, 1:] += rising
    weights[:, :-1] += mass - rising
    return weights
