"""A scene's cubes in the bands of a model that was trained on another scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .cube import Array, Cube
from .library import Library, covered, resample
from .model import Model
from .scene import Scene

SAME = 0.5
"""Nanometres that bands may lie apart and still be the same."""
NO_AXIS = (
    "wavelengths are not known on both sides; bands are taken in their order. Make sure that the scene comes from the "
    "sensor and the processing that the model was trained on."
)


class Bands:
    """Brings cubes of a scene to a model's bands. ``notice``: what the user must know of it, or nothing."""

    def __init__(self, scene: Scene, model: Model) -> None:
        """Match the bands by wavelength. ValueError, a sentence, if the scene does not have what the model needs."""
        self.weights: Array | None = None
        self.notice = ""
        if scene.wavelengths is None or model.wavelengths is None:
            if scene.bands != model.bands:
                raise ValueError(
                    f"The model was trained on {model.bands} bands and the scene has {scene.bands}; they cannot be "
                    "matched, because wavelengths are not known on both sides."
                )
            self.notice = f"The scene's {scene.bands} {NO_AXIS}"
        elif not _same(scene.wavelengths, model.wavelengths):
            self.weights = _weights(scene, model)
            self.notice = (
                f"The scene's {scene.bands} bands were brought to the {model.bands} bands of the model by wavelength."
            )

    def of(self, cube: Cube) -> Cube:
        """The cube with the model's bands."""
        if self.weights is None:
            return cube
        moved = np.tensordot(self.weights, cube.reflectance, axes=1).astype(np.float32, copy=False)
        return replace(cube, reflectance=moved)


def _same(one: Array, other: Array) -> bool:
    return one.shape == other.shape and bool(np.abs(one - other).max() <= SAME)


def _weights(scene: Scene, model: Model) -> Array:
    """(model's bands, scene's bands): what each of the model's bands sees of the scene's."""
    wanted: Array = model.wavelengths if model.wavelengths is not None else np.empty(0, np.float32)
    units = Library(
        [str(number) for number in range(scene.bands)],
        np.eye(scene.bands, dtype=np.float32),
        scene.wavelengths,
        scene.fwhm,
    )
    fwhm = model.fwhm if scene.fwhm is not None else None
    lacking = wanted[~covered(units, wanted, fwhm)]
    if len(lacking):
        axis: Array = scene.wavelengths if scene.wavelengths is not None else wanted
        raise ValueError(
            f"The model needs bands from {wanted.min():.0f} to {wanted.max():.0f} nm; the scene, with {axis.min():.0f} "
            f"to {axis.max():.0f} nm, lacks {len(lacking)} of {len(wanted)}, the first at {lacking.min():.0f} nm. "
            "Train a model on the bands that both have."
        )
    return np.ascontiguousarray(resample(units, wanted, fwhm).spectra.T)
