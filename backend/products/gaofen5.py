"""Gaofen-5 AHSI L1: counts of VNIR and SWIR in the sensor's geometry, with calibration, band and RPC files beside them.

There is no public specification: names and lines as readers of the product know them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..facts import COUNTS, RADIANCE
from .delivery.files import Found, find
from .delivery.xml_file import number
from .product import Numbers
from .raster import Raster

NAMES = re.compile(
    r"(?P<base>GF5.*?AHSI.+?)(?:_(?P<part>VN|SW)(?:IR)?)\.(?:GEOTIFF|TIFF?)",
    re.IGNORECASE,
)
CALIBRATION = re.compile(
    r".*AHSI.*_(?P<kind>RADCAL|SPECTRALRESPONSE)_(?P<part>VN|SW)(?:IR)?\.(?:RAW|TXT|CSV)", re.IGNORECASE
)
METADATA = re.compile(r"GF5.*?AHSI.+\.XML", re.IGNORECASE)
PARTS = {"VN": "VNIR", "SW": "SWIR"}
UNIT = "W/m2/sr/um"


def recognise(path: Path) -> Raster | None:
    """The Gaofen-5 scene at a path: an image, its folder or its zip, or None.

    ValueError, a sentence, if it cannot be used.
    """
    is_metadata = METADATA.fullmatch(path.name) is not None and path.is_file()
    found = _of_metadata(path) if is_metadata else find(path, NAMES)
    if found is None:
        return None
    part = found.chosen or ("VN" if "VN" in found.parts else "SW")
    name = found.parts[part]
    scene = Raster(found.delivery.raster(name), found.delivery.on_disk(name), eager=True)
    if not scene.facts.dtype.startswith(("int", "uint")):
        scene.close()
        return None  # no counts: what somebody made of them
    try:
        _describe(scene, found, part)
    except ValueError:
        scene.close()
        raise
    return scene


def _of_metadata(path: Path) -> Found | None:
    """The images that an XML file of the same name belongs to."""
    images = [one for end in ("VN", "SW") for one in sorted(path.parent.glob(f"{path.stem}_{end}*"))]
    found = next((find(one, NAMES) for one in images if NAMES.fullmatch(one.name)), None)
    return None if found is None else replace(found, chosen="")


def _describe(scene: Raster, found: Found, part: str) -> None:
    notes, bands = list(scene.facts.notes), scene.facts.bands
    calibration, axis = (_columns(scene, found, kind, part, bands) for kind in ("RADCAL", "SPECTRALRESPONSE"))
    quantity, unit = (COUNTS, "") if calibration is None else (RADIANCE, UNIT)
    if calibration is not None:
        scene.gains, scene.offsets = calibration[:, 0], calibration[:, 1]
    else:
        scene.gains = scene.offsets = None
        notes.append(f"No file RadCal_{PARTS[part]}.raw lies beside the image: its values stay raw counts.")
    wavelengths, fwhm = scene.facts.wavelengths, scene.facts.fwhm
    if axis is not None:
        wavelengths, fwhm = tuple(axis[:, 0].tolist()), tuple(axis[:, 1].tolist())
    other = next((name for one, name in found.parts.items() if one != part), None)
    if other is not None:
        notes.append(
            f"VN and SW are two scenes that do not lie on one another. This is the {PARTS[part]}; to use the other "
            f"one, {'unpack the zip and ' if found.zipped else ''}choose {Path(other).name}."
        )
    day = re.search(r"_((?:19|20)\d\d)([01]\d)([0-3]\d)_", found.base)
    scene.facts = replace(
        scene.facts,
        product=f"Gaofen-5 AHSI L1 {PARTS[part]}",
        quantity=quantity,
        unit=unit,
        scale=None,
        wavelengths=wavelengths,
        fwhm=fwhm,
        date="-".join(day.groups()) if day else scene.facts.date,
        notes=tuple(notes),
    )


def _columns(scene: Raster, found: Found, kind: str, part: str, bands: int) -> Numbers | None:
    """Two numbers a band out of a text file (bands, 2); None if there is no such file.

    ValueError, a sentence, if it is damaged or of another image.
    """
    folder = found.parts[part].rpartition("/")[0]
    for name in found.delivery.names:
        match = CALIBRATION.fullmatch(Path(name).name)
        if not match or name.rpartition("/")[0] != folder:
            continue
        if (match["kind"].upper(), match["part"].upper()) != (kind, part):
            continue
        lines = found.delivery.content(name).decode("utf-8-sig", "replace").splitlines()
        rows = [
            [number(one) for one in re.split(r"[,;\s]+", line.strip(" \t,;"))[:2]] for line in lines if line.strip()
        ]
        rows = rows[1:] if rows and rows[0][0] is None else rows  # names of the columns
        values = np.array(
            [[np.nan if one is None else one for one in row] for row in rows if len(row) == 2], dtype=float
        )
        if (
            len(rows) != bands
            or values.shape != (bands, 2)
            or not np.isfinite(values).all()
            or (values[:, 0] <= 0).any()
        ):
            raise ValueError(
                f"The file {Path(name).name} does not give two numbers for each of the {bands} bands of the image. "
                "Copy or download the product again."
            )
        scene.files = tuple(dict.fromkeys([*scene.files, found.delivery.on_disk(name)]))
        return values
    return None
