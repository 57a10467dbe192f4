"""What opening a product asks for and gives. Standard library only: QGIS reads it too."""

from __future__ import annotations

from dataclasses import dataclass

from ...config import setting
from ...reading import NO_FLAGS
from .. import File, Task


@dataclass(frozen=True)
class Options:
    """Options of opening a product."""

    flags: str = setting(
        "",
        "Quality flags to leave out",
        "Names of the product's quality flags whose pixels are masked, separated by commas (cloud, cirrus, shadow, "
        f"saturated ...). Empty: those that the product leaves out by default; {NO_FLAGS}: no flag at all.",
    )
    how: str = setting(
        "auto",
        "Written as",
        "How the scene is written.",
        choices=(
            ("auto", "virtual raster where possible, else GeoTIFF"),
            ("vrt", "virtual raster that refers to the product's files"),
            ("geotiff", "GeoTIFF, independent of the product's files"),
        ),
    )


TASK = Task(
    name="open_product",
    label="Open a product",
    title="Scene",
    group="Scenes",
    summary=(
        "Opens a hyperspectral product as its agency or camera delivers it, file or folder, and writes a scene that "
        "Mixel, QGIS and other programs read right: bands with wavelengths, scale, nodata, place on the map, and "
        "pixels that quality flags mark masked."
    ),
    tags=("hyperspectral", "import", "product", "enmap", "prisma", "emit", "desis", "hdf5", "netcdf", "cloud mask"),
    files=(
        File(
            "scene",
            "raster",
            "scene.tif",
            "Scene",
            beside=("scene_mask.tif",),
            instead=("scene.vrt",),
        ),
    ),
    options=Options,
    needs_scene=False,
    opens_product=True,
)
