"""The scenes of the benchmark: one small file each, ``scenes/<name>.toml`` here or ``<name>.toml`` in a data folder.

It says what the cube is (``[cube]``, or ``[simulate]`` of the reference), the reference of the unmixing
(``[reference]``: abundances, spectra, library) and of the classification (``[labels]``: classes, and how they are
split), as far as there is one. Files are named relative to the data folder; nothing of it belongs to Mixel. Several
references of the same scenes are in circulation, so each scene carries a digest of the files it was read from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomllib
from numpy.typing import NDArray

from backend.cube import Array, Cube, Window
from backend.library import read_library
from backend.scene import Scene
from backend.tasks.labelled import grid_of
from tests.benchmarks.ground import Truth, truth
from tests.benchmarks.simulate import Simulation
from tests.benchmarks.tables import Files, Table

SHIPPED = Path(__file__).parent / "scenes"
SECTIONS = {"title", "note", "cube", "simulate", "reference", "labels"}


@dataclass(frozen=True)
class Reference:
    """What unmixing should find.

    ``abundances`` (endmembers, rows, cols), NaN where unknown; ``spectra`` (endmembers, bands) in the same order.
    ``library`` (spectra, bands) and ``groups`` (spectra,): spectra of the same materials and the endmember that each
    belongs to, or None.
    """

    names: tuple[str, ...]
    abundances: Table
    spectra: Table
    library: Table | None = None
    groups: NDArray[np.int64] | None = None

    @property
    def unit_spectra(self) -> bool:
        """Whether the spectra say only shapes: each is stretched to a maximum of 1."""
        return bool(np.all(self.spectra.max(axis=1) > 0.99))


@dataclass(frozen=True)
class BenchmarkScene:
    """A scene with what is known of it; ``note`` says what to think of figures made on it."""

    name: str
    title: str
    note: str
    cube: Cube
    wavelengths: Array | None
    reference: Reference | None
    truth: Truth | None
    digest: str


def scene_files(data: Path) -> dict[str, Path]:
    """All scene files by name: the shipped ones, then those of the data folder."""
    return {path.stem: path for folder in (SHIPPED, data) for path in sorted(folder.glob("*.toml"))}


def tasks_of(path: Path) -> set[str]:
    """The tasks a scene can score, from its file alone. ValueError, a sentence, if it is no scene file."""
    given = described(path)
    found = {"unmix"} if "reference" in given else set()
    return found | ({"classify", "unmix_and_classify"} if "labels" in given else set())


def has_curves(path: Path) -> bool:
    """Whether accuracy against the number of training pixels is wanted of a scene: ``curves`` in ``[labels]``."""
    return bool(described(path).get("labels", {}).get("curves", False))


def is_simulated(path: Path) -> bool:
    """Whether a scene is mixed anew from a reference."""
    return "simulate" in described(path)


def described(path: Path) -> dict[str, Any]:
    """What a scene file says. ValueError, a sentence, if it is no scene file."""
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not a scene file: {error}.") from error
    unknown = sorted(set(given) - SECTIONS)
    if unknown or not given.keys() & {"cube", "simulate"}:
        raise ValueError(f"{path.name}: a scene file has {', '.join(sorted(SECTIONS))}, and no {unknown or 'less'}.")
    return given


def missing_file(path: Path, data: Path) -> str:
    """The first file that a scene names and the data folder does not hold; empty if it holds them all."""
    return next((one for one in _named(described(path)) if not (data / one).is_file()), "")


def read_scene(path: Path, data: Path, seed: int) -> BenchmarkScene:
    """Read a scene; the seed is that of its split. FileNotFoundError, a sentence, if its data are not there."""
    given, files = described(path), Files(data)
    try:
        reference = _reference(files, given["reference"]) if "reference" in given else None
        cube, wavelengths, grid = _cube(files, given, reference)
        if reference and "simulate" in given:
            simulation = Simulation(**given["simulate"])
            reference = Reference(reference.names, simulation.shares(reference.abundances), reference.spectra)
            values = simulation.mixed(reference.abundances, reference.spectra)
            cube = Cube(Window(0, 0, *values.shape[1:]), values.astype(np.float32), np.ones(values.shape[1:], bool))
        _check_bands(reference, len(cube.reflectance))
        known = truth(files, given["labels"], cube, grid, seed) if "labels" in given else None
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path.name}: {error} is missing or wrong.") from error
    except (ValueError, FileNotFoundError) as error:
        raise type(error)(f"{path.name}: {error}.") from error
    title, note = given.get("title", path.stem), given.get("note", "")
    return BenchmarkScene(path.stem, title, note, cube, wavelengths, reference, known, files.digest)


def _named(given: Any) -> Iterator[str]:
    """Every ``file`` in a scene file's tables."""
    if isinstance(given, dict):
        yield from (str(value) for key, value in given.items() if key == "file")
    if isinstance(given, dict | list):
        for one in given.values() if isinstance(given, dict) else given:
            yield from _named(one)


def _cube(files: Files, given: Mapping[str, Any], reference: Reference | None) -> tuple[Cube, Array | None, Any]:
    """The cube, its wavelengths and where its pixels lie; of a simulated scene a cube of nothing yet."""
    if "simulate" in given:
        if reference is None:
            raise ValueError("[simulate] mixes the scene of a [reference]")
        size = reference.abundances.shape[1:]
        return Cube(Window(0, 0, *size), np.zeros((1, *size), np.float32), np.ones(size, bool)), None, None
    described_cube = given["cube"]
    if "variable" in described_cube or "axes" in described_cube:
        values = files.table(described_cube, "bands rows cols").astype(np.float32)
        valid = np.isfinite(values).all(axis=0)
        return Cube(Window(0, 0, *valid.shape), np.nan_to_num(values), valid), None, None
    with Scene(files.path(described_cube["file"])) as scene:
        return scene.read(Window(0, 0, scene.rows, scene.cols)), scene.wavelengths, grid_of(scene)


def _reference(files: Files, given: Mapping[str, Any]) -> Reference:
    shares, names = files.table(given["abundances"], "endmembers rows cols"), tuple(given["names"])
    library, groups = _library(files, given.get("library"), names)
    if "spectra" in given:
        spectra = files.table(given["spectra"], "endmembers bands")
    elif library is not None and groups is not None:
        spectra = np.stack([library[groups == group].mean(axis=0) for group in range(len(names))])
    else:
        raise ValueError("[reference] needs spectra, or a library that says which spectrum is of which endmember")
    if given.get("present"):
        there = np.flatnonzero(shares.max(axis=(1, 2)) > 0)
        shares, spectra = shares[there], spectra[there]
    if not len(names) == len(shares) == len(spectra):
        raise ValueError(f"[reference] has {len(names)} names, {len(shares)} abundances and {len(spectra)} spectra")
    return Reference(names, shares, spectra, library, groups)


def _library(files: Files, given: Any, names: tuple[str, ...]) -> tuple[Table | None, NDArray[np.int64] | None]:
    """The library's spectra and the endmember each is of: a spectral library with classes, or a table for each."""
    if not given:
        return None, None
    if isinstance(given, list):
        tables = [files.table(one, "spectra bands") for one in given]
        return np.concatenate(tables), np.repeat(np.arange(len(tables)), [len(one) for one in tables])
    found = read_library(files.path(given["file"]), given["classes"])
    lower = [name.lower() for name in names]
    return found.spectra, np.array([lower.index(one.lower()) for one in found.classes or ()])


def _check_bands(reference: Reference | None, bands: int) -> None:
    for table in (reference.spectra, reference.library) if reference else ():
        if table is not None and table.shape[1] != bands:
            raise ValueError(f"[reference] the spectra have {table.shape[1]} bands and the cube has {bands}")
