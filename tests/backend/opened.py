"""Products opened into a folder, and whether the scene that was written is the product."""

from __future__ import annotations

import numpy as np
from mixel.backend.protocol import Job, Notice, Output
from mixel.backend.scene import Scene
from mixel.backend.tasks import running


def opened(path, folder, **options):
    """Run the task; gives the path of the scene, and everything the user was told."""
    events = []
    running.run(Job("open_product", "", str(path), str(folder), options=options), events.append)
    (scene,) = [event.path for event in events if isinstance(event, Output) and event.kind == "scene"]
    return scene, [event.message for event in events if isinstance(event, Notice)]


def seen(path, reading=None):
    """What a scene is, as far as two can be compared."""
    with Scene(path, reading=reading) as scene:
        (window,) = scene.windows(1000)
        cube = scene.read(window)
        return scene, cube, scene.place


def assert_same(written, direct, reading=None):
    """The written scene is the product: bands, axis, values, validity, place, meaning."""
    (ours, cube, place), (theirs, wanted, right) = seen(written), seen(direct, reading)
    assert ours.band_numbers.tolist() == theirs.band_numbers.tolist()
    for name in ("wavelengths", "fwhm"):
        found, expected = getattr(ours, name), getattr(theirs, name)
        assert (found is None) == (expected is None), name
        if found is not None:
            np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(cube.valid, wanted.valid)
    np.testing.assert_allclose(cube.reflectance, wanted.reflectance, rtol=1e-6, atol=1e-7)
    assert ours.is_reflectance == theirs.is_reflectance and ours.facts.unit == theirs.facts.unit
    assert (place.kind, place.crs) == (right.kind, right.crs)
    if place.kind == "grid":
        assert place.transform.almost_equals(right.transform)
    found, expected = ([(one.row, one.col, one.x, one.y) for one in side.gcps] for side in (place, right))
    np.testing.assert_allclose(found, expected)
