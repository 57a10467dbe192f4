"""Every product that only Mixel reads, opened into a GeoTIFF: the scene is the product."""

from __future__ import annotations

import numpy as np
import pytest
from hdf5_files import COLS, FILL, ROWS, aviris, cube, emit, emit_mask, flagged, neon, pace, prisma, tanager
from mixel.backend.reading import Reading
from mixel.backend.scene import Scene
from opened import assert_same, opened

VALUES = cube()
HOLED = VALUES.copy()
HOLED[:, 5, 6:9] = FILL
BASIC = "20250225_153627_16_4001_basic_sr_hdf5.h5"
CLOUDS = flagged(ROWS, COLS, (2, 3), (2, 4))


def whole_numbers(values, factor=10000):
    return np.round(values * factor).astype(np.int16)


def clouded_emit(folder):
    scene = emit(folder, HOLED, good=[1] * 10 + [0, 1])
    names = ("Cloud flag", "Cirrus flag", "Water flag", "Spacecraft Flag", "Dilated Cloud Flag", "AOD550")
    emit_mask(scene, {**{name: flagged(ROWS, COLS) for name in names}, "Cloud flag": CLOUDS})
    return scene


def prisma_scene(folder, level="2D", **said):
    path = folder / f"PRS_L{level}_STD_20201107101404_20201107101408_0001.he5"
    vnir, swir = (np.round(cube(bands, seed=bands) / 1.3 * 65535).astype(np.uint16) for bands in (9, 13))
    return prisma(path, vnir, swir, level=level, **said)


PRODUCTS = {
    "PRISMA L2D": prisma_scene,
    "PRISMA L1": lambda folder: prisma_scene(folder, "1"),
    "PRISMA with bands that are off": lambda folder: prisma_scene(folder, vnir_waves=[0, *np.linspace(980, 410, 8)]),
    "EMIT": clouded_emit,
    "EMIT as the sensor saw it": lambda folder: emit(folder, HOLED, table="none"),
    "EMIT radiance": lambda folder: emit(folder, 20 * HOLED, name="radiance"),
    "NEON": lambda folder: neon(
        folder / "NEON_D16_WREF_DP3_581000_5075000_reflectance.h5", whole_numbers(HOLED), classes=2 * CLOUDS
    ),
    "PACE": lambda folder: pace(
        folder / "PACE_OCI.20240701T180000.L2.SFREFL.V3_0.nc", whole_numbers(VALUES, 20000), flags=16 * CLOUDS
    ),
    "AVIRIS-3": lambda folder: aviris(folder / "AV320230926t201618_000_L2A_OE_abcd1234_RFL_ORT.nc", HOLED),
    "AVIRIS-3, south first": lambda folder: aviris(folder / "AV320230926t201618_RFL_ORT.nc", HOLED, down=30.0),
    "Tanager": lambda folder: tanager(
        folder / BASIC, HOLED, masks={"beta_cloud_mask": CLOUDS}, good=[0, *[1] * (len(VALUES) - 1)]
    ),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_the_scene_is_the_product(name, tmp_path):
    path = PRODUCTS[name](tmp_path)
    scene, notices = opened(path, tmp_path / "out")
    assert scene.endswith("scene.tif")
    assert_same(scene, path)
    with Scene(path) as direct, Scene(scene) as written:
        assert written.facts.product == direct.facts.product != ""
        assert written.facts.date == direct.facts.date
        assert set(written.facts.notes) >= set(direct.facts.notes)
        assert set(direct.notices) <= set(notices)


@pytest.mark.parametrize("name", ["EMIT", "NEON", "PACE", "Tanager"])
def test_flags_are_the_users_choice(name, tmp_path):
    path = PRODUCTS[name](tmp_path)
    with Scene(path) as scene:
        flags = [one.name for one in scene.facts.flags]
    assert flags
    masked, _ = opened(path, tmp_path / "masked")
    plain, _ = opened(path, tmp_path / "plain", flags="none")
    assert_same(plain, path, Reading(flags=()))
    valid = []
    for each in (masked, plain):
        with Scene(each) as scene:
            valid.append(scene.read(scene.windows(1000)[0]).valid.sum())
    assert valid[0] < valid[1]
