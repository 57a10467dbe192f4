"""Opening a product: what it is, what is masked, and a scene that other programs read right."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...facts import Facts
from ...outputs import OutputFolder, refusals
from ...products import Product, open_product
from ...protocol import Progress
from ...reading import NO_FLAGS, Reading
from ...record import Run
from ...report import Section
from ...scene import Scene
from .checking import difference
from .geotiff import write_geotiff
from .masks import Shares
from .meaning import Meaning
from .sections import sections
from .virtual import mask_beside, source_of, write_mask, write_virtual

VIRTUAL, GEOTIFF = "scene.vrt", "scene.tif"


def prepare(run: Run) -> float:
    """Look at the product. ValueError, a sentence, if the request does not fit it; gives the bytes of the scene."""
    with _opened(run) as product:
        chosen_flags(product.facts, run.options.flags, None)
        virtual, facts = _is_virtual(run, product), product.facts
        pixels = float(facts.rows * facts.cols)
        return 5e6 + pixels + (0.0 if virtual else 1.1 * pixels * facts.bands * np.dtype(facts.dtype).itemsize)


def perform(run: Run, folder: OutputFolder) -> list[Section]:
    """Write the scene, compare it with the product, and say what was found."""
    path = Path(run.job.scene)
    run.emit(Progress(0.0, "Looking at the product"))
    with _opened(run) as product:
        reading = _reading(run, product.facts)
        with Scene(path, reading=reading) as scene:
            for notice in scene.notices:
                run.notice(notice)
            flags = list(reading.flags or ())
            meaning = Meaning.of(product, scene.facts, reading, path)
            with refusals(folder.path):
                written, shares = _write(run, folder, product, meaning, flags)
                made = sections(scene, written, flags, shares)
                if written.name == VIRTUAL:  # its paths shall hold from where it will lie
                    write_virtual(written, folder.path, product, meaning)
            scene.check_unchanged()
            run.metrics.update(bands=float(scene.bands), masked_share=shares.masked)
            run.emit(Progress(1.0, "Scene written"))
            return made


def chosen_flags(facts: Facts, text: str, kept: tuple[str, ...] | None) -> tuple[str, ...]:
    """The flags that are left out: those named, or ``kept`` with the scene, or the product's default.

    ValueError, a sentence, if a name is none of the product's.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    known = [one.name for one in facts.flags]
    if not names:
        return tuple(one.name for one in facts.flags if one.by_default) if kept is None else kept
    if names == (NO_FLAGS,):
        return ()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"The product has no quality flag {unknown[0]!r}; it has {', '.join(known) or 'none'}. "
            f"Leave the field empty for the default, or write {NO_FLAGS!r} for no flag."
        )
    return names


def _reading(run: Run, facts: Facts) -> Reading:
    """What the user knows better: said in the job, or kept beside the product; with the flags of this run."""
    job = run.job
    reading = Reading.from_dict(job.reading) if job.reading else Reading.beside(job.scene)
    if job.scale:
        reading = replace(reading, scale=job.scale)
    return replace(reading, flags=chosen_flags(facts, run.options.flags, reading.flags))


@contextmanager
def _opened(run: Run) -> Iterator[Product]:
    product = open_product(run.job.scene)
    try:
        yield product
    finally:
        product.close()


def _is_virtual(run: Run, product: Product) -> bool:
    possible = source_of(product) is not None
    if run.options.how == "vrt" and not possible:
        raise ValueError(
            "Other programs cannot read the pixels of this product where they are. Choose 'geotiff' or 'auto' for "
            "how the scene is written."
        )
    return possible and run.options.how != "geotiff"


def _write(run: Run, folder: OutputFolder, product: Product, meaning: Meaning, flags: list[str]) -> tuple[Path, Shares]:
    """Write the scene and compare it with the product. ValueError, a sentence, if it is another one."""
    if _is_virtual(run, product):
        run.emit(Progress(0.05, "Writing the virtual raster and its mask"))
        path = folder.partial / VIRTUAL
        shares = write_mask(mask_beside(path), product, flags)
        write_virtual(path, folder.partial, product, meaning)
        found = difference(path, product, meaning, flags)
        if not found:
            return path, shares
        if run.options.how == "vrt":
            raise ValueError(
                f"GDAL reads this product otherwise than Mixel does ({found}). Choose 'geotiff' or 'auto' for how the "
                "scene is written."
            )
        path.unlink()
        mask_beside(path).unlink(missing_ok=True)

    def step(done: float) -> None:
        run.emit(Progress(0.05 + 0.85 * done, "Writing the scene"))

    path = folder.partial / GEOTIFF
    shares = write_geotiff(path, product, meaning, flags, step)
    found = difference(path, product, meaning, flags)
    if found:
        raise ValueError(f"The scene was not written as the product has it ({found}). Is the disk full?")
    return path, shares
