"""The scenes of the unmixing benchmarks, each described in one place: its cube, reference abundances and spectra.

A data folder holds one folder per scene, as their authors spread them; nothing of it belongs to Mixel. Several
references of the same scenes are in circulation, so each scene carries a digest of the files it was read from.
Synthetic scenes are made of real spectra with chance that always starts alike, so they are the same everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from scipy.io import loadmat

from backend.cube import Cube, Window
from backend.library import read_library
from backend.scene import Scene

Table = NDArray[np.floating]
CLASSES = {"roof": "Roof", "pavement": "Pavement", "low vegetation": "Low vegetation", "tree": "Tree", "soil": "Soil"}
"""Berlin: the bands of the reference fractions and the classes of the library; 'other' is water and shade."""


@dataclass(frozen=True)
class UnmixingScene:
    """A scene with its reference.

    ``abundances`` (endmembers, rows, cols), NaN where unknown; ``spectra`` (endmembers, bands) in the same order.
    ``library`` (spectra, bands) and ``groups`` (spectra,): spectra of the same materials and the endmember that each
    belongs to, or None. ``digest``: of the files.
    """

    name: str
    cube: Cube
    abundances: Table
    spectra: Table
    digest: str
    note: str = ""
    library: Table | None = None
    groups: NDArray[np.int64] | None = None

    @property
    def unit_spectra(self) -> bool:
        """Whether the reference spectra say only shapes: each is stretched to a maximum of 1."""
        return bool(np.all(self.spectra.max(axis=1) > 0.99))


def jasper_ridge(data: Path) -> UnmixingScene:
    """AVIRIS, 100 x 100 pixels, 198 bands: tree, water, dirt, road. Pixels lie in Fortran order in the file."""
    path = data / "jasper_ridge" / "jasperRidge2_R198_with_gt.mat"
    bundles = data / "jasper_ridge" / "spectral_library_jasperRidge.mat"
    content = loadmat(path)
    cube = _in_fortran_order(content["Y"], 100, 100) / 5000
    shares = _in_fortran_order(content["A"], 100, 100)
    return UnmixingScene("jasper_ridge", _cube(cube), shares, content["M"].T, digest(path), "", *_bundles(bundles, 4))


def samson(data: Path) -> UnmixingScene:
    """95 x 95 pixels, 156 bands: soil, tree, water."""
    path, content = data / "samson" / "Samson.mat", loadmat(data / "samson" / "Samson.mat")
    cube, shares = _in_fortran_order(content["Y"], 95, 95), content["S_GT"].transpose(2, 0, 1)
    bundles = _bundles(data / "samson" / "spectral_library_samson.mat", 3)
    return UnmixingScene("samson", _cube(cube), shares, content["GT"], digest(path), "spectra of unit height", *bundles)


def moffett(data: Path) -> UnmixingScene:
    """AVIRIS, 50 x 50 pixels, 184 bands, 3 endmembers of unstated origin: the reference is an FCLS solution."""
    path, content = data / "moffett" / "moffett.mat", loadmat(data / "moffett" / "moffett.mat")
    cube, shares = _in_fortran_order(content["Y"], 50, 50), content["S_GT"].transpose(2, 0, 1)
    return UnmixingScene("moffett", _cube(cube), shares, content["GT"], digest(path), "reference = FCLS")


def rocks(data: Path) -> UnmixingScene:
    """Synthetic, 40 x 40 pixels, 200 bands: six alike rock spectra with noise, each nearly pure somewhere."""
    path = data / "synthetic" / "scm_toy_image.mat"
    content = loadmat(path)
    cube, shares = content["I"].transpose(2, 0, 1), content["A_gt"].transpose(2, 0, 1)
    return UnmixingScene("rocks", _cube(cube), shares, content["R_gt"], digest(path), "synthetic")


def minerals(data: Path) -> UnmixingScene:
    """Synthetic, 75 x 75 pixels, 224 bands: squares of five minerals on a mixed ground, with noise of 30 dB."""
    folder = data / "synthetic" / "suncnn_DC1"
    shares = loadmat(folder / "XT.mat")["XT"]
    present = np.flatnonzero(shares.max(axis=(1, 2)) > 0)
    spectra = loadmat(folder / "EE.mat")["EE"].T[present]
    return _made("minerals", shares[present], spectra, digest(folder / "XT.mat"), 30)


def fields(data: Path) -> UnmixingScene:
    """Synthetic, 50 x 50 pixels, 198 bands: smooth fields of tree, dirt and road, with noise of 30 dB."""
    return _fields(data, "fields", purest=1.0, shade=1.0)


def mixed(data: Path) -> UnmixingScene:
    """The same without pure pixels: no abundance above 0.8."""
    return _fields(data, "mixed", purest=0.8, shade=1.0)


def shaded(data: Path) -> UnmixingScene:
    """The same with every pixel's brightness drawn between 0.4 and 1."""
    return _fields(data, "shaded", purest=1.0, shade=0.4)


def berlin(data: Path) -> UnmixingScene:
    """EnMAP, 80 x 60 pixels, 177 bands: fractions of land cover out of polygons, on 648 pixels.

    Measured and not computed from the scene; but a class holds many materials. Spectra are the library's class means.
    """
    folder = data / "berlin_urban"
    path = folder / "reference_fractions_30m.tif"
    with Scene(folder / "EnMAP_BerlinUrbanGradient.bsq") as scene:
        cube = scene.read(Window(0, 0, scene.rows, scene.cols))
        bands = scene.band_numbers
    with rasterio.open(path) as dataset:
        names, shares = dataset.descriptions, dataset.read(masked=True).filled(np.nan)
    library = read_library(folder / "SpecLib_BerlinUrbanGradient.sli", "level 2")
    groups = np.array([names.index(one.lower()) for one in library.classes or ()])
    values = library.spectra[:, bands - 1] if library.spectra.shape[1] != len(cube.reflectance) else library.spectra
    means = np.stack([values[groups == group].mean(axis=0) for group in range(len(names))])
    return UnmixingScene("berlin", cube, shares, means, digest(path), "field polygons", values, groups)


SCENES: dict[str, Callable[[Path], UnmixingScene]] = {
    one.__name__: one for one in (jasper_ridge, samson, moffett, berlin, rocks, minerals, fields, mixed, shaded)
}


def digest(path: Path) -> str:
    """The first twelve figures of a file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _fields(data: Path, name: str, purest: float, shade: float) -> UnmixingScene:
    path = data / "synthetic" / "borsoi_variability" / "abundance_spatial_3em.mat"
    shares = loadmat(path)["A_cube"].transpose(2, 0, 1)
    if purest < 1:
        even = 1 / len(shares)
        shares = even + (shares - even) * (purest - even) / (1 - even)
    spectra = loadmat(path.parent / "endmembers_b.mat")["M"].T[[0, 2, 3]]
    return _made(name, shares, spectra, digest(path), 30, shade)


def _made(name: str, shares: Table, spectra: Table, mark: str, decibels: float, shade: float = 1.0) -> UnmixingScene:
    """A scene mixed of known shares and spectra, with white noise of so many decibels."""
    generator = np.random.default_rng(0)
    clean = np.einsum("rhw,rb->bhw", shares, spectra) * generator.uniform(shade, 1, shares.shape[1:])
    noise = np.sqrt(np.mean(clean**2) / 10 ** (decibels / 10))
    values = clean + generator.normal(0, noise, clean.shape)
    return UnmixingScene(name, _cube(values), shares, spectra, mark, f"synthetic, {decibels:.0f} dB")


def _bundles(path: Path, count: int) -> tuple[Table, NDArray[np.int64]]:
    """Many spectra of each endmember, out of the scene itself, and which endmember each is of."""
    tables = [loadmat(path)[f"lib{one}"].T for one in range(1, count + 1)]
    return np.concatenate(tables), np.repeat(np.arange(count), [len(table) for table in tables])


def _in_fortran_order(table: Table, rows: int, cols: int) -> Table:
    return np.ascontiguousarray(table.reshape(len(table), cols, rows).transpose(0, 2, 1))


def _cube(values: Table) -> Cube:
    return Cube(Window(0, 0, *values.shape[1:]), values.astype(np.float32), np.ones(values.shape[1:], dtype=bool))
