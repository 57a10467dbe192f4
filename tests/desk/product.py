"""A tiny EnMAP L2A product by its public structure: red ground in the west, blue in the east, a cloud in the corner."""

from __future__ import annotations

from pathlib import Path

NAME = "ENMAP01-____L2A-DT0000000001_20230501T101010Z_001_V010400_20230601T000000Z"
ROWS, COLS, CLOUD = 24, 30, 6
"""Pixels; the cloud has 6 x 6."""
NODATA = -32768
WAVELENGTHS = [430.0 + 60 * band for band in range(32)]
EXTENT = (370000.0, 5800000.0, 30.0)
"""West, north, metres a pixel."""
_BAND = (
    '<bandID number="{}"><wavelengthCenterOfBand>{:.1f}</wavelengthCenterOfBand><FWHMOfBand>60</FWHMOfBand>'
    "<GainOfBand>0.0001</GainOfBand><OffsetOfBand>0</OffsetOfBand></bandID>"
)
_METADATA = (
    "<level_X><metadata><schema><processingLevel>L2A</processingLevel></schema></metadata><base><temporalCoverage>"
    "<startTime>2023-05-01T10:10:10Z</startTime></temporalCoverage></base><specific><mission>EnMAP</mission>"
    "<bandCharacterisation>{}</bandCharacterisation></specific></level_X>"
)


def write_product(folder: Path) -> Path:
    """Write the product into a folder; gives its METADATA.XML."""
    import numpy as np  # here, because QGIS's start reads this folder and needs none of it

    folder.mkdir(parents=True)
    share = np.tile(np.linspace(1, 0, COLS), (ROWS, 1))
    red, blue = (np.exp(-(((np.array(WAVELENGTHS) - at) / 500) ** 2)) for at in (640, 430))
    cube = share[None] * red[:, None, None] + (1 - share[None]) * blue[:, None, None]
    cube += 0.1 * np.random.default_rng(0).random((ROWS, COLS)) + 0.05
    cloud = np.zeros((ROWS, COLS), "uint8")
    cloud[:CLOUD, :CLOUD] = 1
    _write(folder / f"{NAME}-SPECTRAL_IMAGE.TIF", (5000 * cube).astype("int16"), NODATA)
    _write(folder / f"{NAME}-QL_QUALITY_CLOUD.TIF", cloud[None])
    bands = "".join(_BAND.format(number, wave) for number, wave in enumerate(WAVELENGTHS, start=1))
    path = folder / f"{NAME}-METADATA.XML"
    path.write_text(_METADATA.format(bands), encoding="utf-8")
    return path


def _write(path, values, nodata=None) -> None:
    from osgeo import gdal, gdal_array, osr

    bands, rows, cols = values.shape
    kind = gdal_array.NumericTypeCodeToGDALTypeCode(values.dtype)
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, bands, kind)
    reference = osr.SpatialReference()
    reference.ImportFromEPSG(32633)
    dataset.SetProjection(reference.ExportToWkt())
    west, north, size = EXTENT
    dataset.SetGeoTransform((west, size, 0, north, 0, -size))
    for number, band in enumerate(values, start=1):
        dataset.GetRasterBand(number).WriteArray(band)
        if nodata is not None:
            dataset.GetRasterBand(number).SetNoDataValue(nodata)
    dataset.FlushCache()
