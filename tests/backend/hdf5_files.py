"""Tiny product files in HDF5 and netCDF-4, built by their public structure. Cubes here are (bands, rows, cols)."""

from __future__ import annotations

import h5py
import numpy as np
from mixel.backend.cube import Window
from mixel.backend.products import open_product
from rasterio.crs import CRS
from scenes import mixture

ROWS, COLS = 14, 19
FILL = -9999.0
UTM = CRS.from_epsg(32633).to_wkt()


def cube(bands=12, rows=ROWS, cols=COLS, seed=0):
    """Reflectance (bands, rows, cols), every value another one, none of them 0."""
    values = 0.05 + 0.9 * mixture(bands, rows, cols, seed)
    return values.astype(np.float32)


def waves(bands=12, first=450.0, last=2400.0):
    return np.linspace(first, last, bands).astype(np.float32)


def flagged(rows=ROWS, cols=COLS, *pixels):
    """A plane of 0 with 1 at some pixels (row, col)."""
    plane = np.zeros((rows, cols), np.uint8)
    for pixel in pixels:
        plane[pixel] = 1
    return plane


def ordered(values, order):
    """A cube (bands, rows, cols) with its axes in an order such as "row col band"."""
    return np.ascontiguousarray(np.transpose(values, [["band", "row", "col"].index(name) for name in order.split()]))


def everything(path, bands=None):
    """All stored values (bands, rows, cols) of a product, and its facts."""
    product = open_product(path)
    facts = product.facts
    values = product.read(Window(0, 0, facts.rows, facts.cols), bands or list(range(facts.bands)))
    product.close()
    return values, facts


def prisma(path, vnir, swir, **said):
    """Write a PRISMA scene of two cubes of stored values.

    ``said``: level, vnir_waves, swir_waves, errors (None: no matrices), scales, clouds, epsg, chunks.
    """
    level = said.get("level", "2D")
    rows, cols = vnir.shape[1:]
    vnir_waves = said.get("vnir_waves", np.linspace(980, 410, len(vnir)))
    swir_waves = said.get("swir_waves", np.linspace(2490, 940, len(swir)))
    with h5py.File(path, "w") as file:
        fields = f"HDFEOS/SWATHS/PRS_L{level}_HCO/Data Fields"
        ending = "PIXEL_SAT_ERR_MATRIX" if level == "1" else "PIXEL_L2_ERR_MATRIX"
        for name, values, centres in (("Vnir", vnir, vnir_waves), ("Swir", swir, swir_waves)):
            stored = ordered(values, "row band col")
            file.create_dataset(f"{fields}/{name.upper()}_Cube", data=stored, chunks=said.get("chunks"))
            errors = said.get("errors", {"Vnir": 0 * vnir, "Swir": 0 * swir})
            if errors is not None:
                file[f"{fields}/{name.upper()}_{ending}"] = ordered(errors[name], "row band col").astype(np.uint8)
            file.attrs[f"List_Cw_{name}"] = np.asarray(centres, np.float32)
            file.attrs[f"List_Fwhm_{name}"] = np.where(np.asarray(centres) > 0, 11, 0).astype(np.float32)
            file.attrs[f"List_Cw_{name}_Flags"] = (np.asarray(centres) > 0).astype(np.int32)
        if "clouds" in said:
            file[f"{fields}/Cloud_Mask"] = said["clouds"]
        file.attrs["Product_StartTime"] = np.bytes_("2020-11-07T10:14:04.123")
        file.attrs["Epsg_Code"] = np.uint16(said.get("epsg", 32633))
        corners = {"UL": (0, 0), "UR": (0, cols - 1), "LL": (rows - 1, 0), "LR": (rows - 1, cols - 1)}
        for corner, (row, col) in corners.items() if level == "2D" else ():
            file.attrs[f"Product_{corner}corner_easting"] = 365015.0 + 30 * col
            file.attrs[f"Product_{corner}corner_northing"] = 5809985.0 - 30 * row
        scales = {"L2ScaleVnirMin": 0.0, "L2ScaleVnirMax": 1.1, "L2ScaleSwirMin": 0.0, "L2ScaleSwirMax": 1.25}
        if level == "1":
            scales = {"ScaleFactor_Vnir": 100.0, "ScaleFactor_Swir": 80.0, "Offset_Vnir": 0.5, "Offset_Swir": 0.25}
        for name, value in {**scales, **said.get("scales", {})}.items():
            if value is not None:
                file.attrs[name] = np.float32(value)
        lat, lon = swath(rows, cols)
        for ending in ("_VNIR", "_SWIR") if level == "1" else ("",):
            file[f"{fields[:-11]}Geolocation Fields/Latitude{ending}"] = lat
            file[f"{fields[:-11]}Geolocation Fields/Longitude{ending}"] = lon
    return path


def swath(rows, cols, lon=13.0, lat=52.4, step=0.0004):
    """Latitude and longitude (rows, cols) of a swath that runs askew."""
    row, col = np.mgrid[:rows, :cols].astype(float)
    return lat - step * (row + 0.2 * col), lon + 1.6 * step * (col - 0.2 * row)


def on_swath(row, col, lon=13.0, lat=52.4, step=0.0004):
    """Longitude and latitude of a point of :func:`swath`, of pixel centres where row and col are whole."""
    return lon + 1.6 * step * (col - 0.2 * row), lat - step * (row + 0.2 * col)


def emit(
    folder, values, *, name="reflectance", table=None, good=None, fwhm=True, chunks=None, wavelengths=None, **said
):
    """Write an EMIT scene of sensor geometry; ``table``: (glt_x, glt_y), or "none" for a file without. Its path."""
    bands, rows, cols = values.shape
    path = folder / f"EMIT_{'L2A_RFL' if name == 'reflectance' else 'L1B_RAD'}_001_20220815T042838_2222703_003.nc"
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(name, data=ordered(values, said.get("order", "row col band")), chunks=chunks)
        dataset.attrs["_FillValue"] = np.array([FILL], np.float32)
        file["sensor_band_parameters/wavelengths"] = waves(bands) if wavelengths is None else wavelengths
        if fwhm:
            file["sensor_band_parameters/fwhm"] = np.full(bands, 8.5, np.float32)
        if good is not None:
            file["sensor_band_parameters/good_wavelengths"] = np.asarray(good, np.uint8)
        file["location/lat"], file["location/lon"] = swath(rows, cols)
        if table != "none":
            file["location/glt_x"], file["location/glt_y"] = plain_table(rows, cols) if table is None else table
            file.attrs["geotransform"] = np.array([13.0, 0.0005, 0, 52.4, 0, -0.0005])
            file.attrs["spatial_ref"] = np.bytes_(CRS.from_epsg(4326).to_wkt())
        file.attrs["time_coverage_start"] = np.bytes_("2022-08-15T04:28:38+0000")
    return path


def plain_table(rows, cols):
    """A lookup table by which the map is the swath itself, with a frame of nothing one pixel wide."""
    glt_y, glt_x = (np.pad(axis + 1, 1).astype(np.int32) for axis in np.mgrid[:rows, :cols])
    return glt_x, glt_y


def emit_mask(scene, layers, *, water=()):
    """Write the quality mask beside an EMIT scene: ``layers`` is {name: plane}."""
    path = scene.with_name(scene.name.replace("_RFL_", "_MASK_").replace("L1B_RAD", "L2A_MASK"))
    with h5py.File(path, "w") as file:
        file["mask"] = np.stack(list(layers.values()), axis=2).astype(np.float32)
        file["sensor_band_parameters/mask_bands"] = np.array(list(layers), dtype=object).astype(h5py.string_dtype())
        file.create_group("location")
    return path


def neon(
    path, values, *, order="row col band", classes=None, windows=((1340, 1445),), map_info=None, epsg="32610", **said
):
    """Write a NEON scene of stored values (int16)."""
    with h5py.File(path, "w") as file:
        group = file.create_group(f"{said.get('site', 'WREF')}/Reflectance")
        dataset = group.create_dataset("Reflectance_Data", data=ordered(values, order), chunks=said.get("chunks"))
        dataset.attrs["Scale_Factor"], dataset.attrs["Data_Ignore_Value"] = 10000.0, FILL
        if said.get("labels"):
            dataset.attrs["Dimension_Labels"] = said["labels"]
        for number, window in enumerate(windows, start=1):
            group.attrs[f"Band_Window_{number}_Nanometers"] = np.array(window)
        group["Metadata/Spectral_Data/Wavelength"] = said.get("wavelengths", waves(len(values)))
        group["Metadata/Spectral_Data/FWHM"] = np.full(len(values), 5.8, np.float32)
        info = map_info or "UTM,  1.000,  1.000,  581000.0,  5076000.0, 1.0, 1.0, 10, North, WGS-84, units=Meters, 0"
        group["Metadata/Coordinate_System/Map_Info"] = np.bytes_(info)
        if epsg:
            group["Metadata/Coordinate_System/EPSG Code"] = np.bytes_(epsg)
        if classes is not None:
            group["Metadata/Ancillary_Imagery/Haze_Cloud_Water_Map"] = np.asarray(classes, np.uint8)
    return path


def pace(path, values, flags=None, meanings="ATMFAIL LAND HILT STRAYLIGHT CLDICE NAVFAIL", **said):
    """Write a PACE scene of stored values (int16, 2e-5 * stored + 0.5); ``flags``: plane of bits by ``meanings``."""
    bands, rows, cols = values.shape
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("geophysical_data/rhos", data=ordered(values, said.get("order", "row col band")))
        dataset.attrs["scale_factor"], dataset.attrs["add_offset"] = np.float32([2e-5]), np.float32([0.5])
        dataset.attrs["_FillValue"] = np.array([-32767], np.int16)
        if flags is not None:
            file["geophysical_data/l2_flags"] = flags.astype(np.int32)
            attributes = file["geophysical_data/l2_flags"].attrs
            attributes["flag_masks"] = np.array([1 << bit for bit in range(len(meanings.split()))], np.int64).astype(
                "i4"
            )
            attributes["flag_meanings"] = np.bytes_(meanings)
        file["sensor_band_parameters/wavelength_3d"] = waves(bands, 350, 2260)
        file["sensor_band_parameters/wavelength"] = np.linspace(315, 2260, 30)
        lat, lon = swath(rows, cols, lon=said.get("lon", 13.0), step=0.01)
        file["navigation_data/latitude"], file["navigation_data/longitude"] = lat, lon
        file.attrs["time_coverage_start"] = "2024-07-01T18:00:00.000Z"
        file.attrs["platform"], file.attrs["instrument"] = np.bytes_("PACE"), np.bytes_("OCI")
    return path


def aviris(path, values, *, name="reflectance", axes=("wavelength", "northing", "easting"), down=-30.0, **said):
    """Write an AVIRIS-3 scene; ``axes``: names of the cube's axes in the file's order; ``mapped=False``: no map."""
    names = {"wavelength": "band", "northing": "row", "easting": "col"}
    bands, rows, cols = values.shape
    with h5py.File(path, "w") as file:
        group = file.create_group(name)
        dataset = group.create_dataset(name, data=ordered(values, " ".join(names[axis] for axis in axes)))
        dataset.attrs["_FillValue"] = np.array([FILL], np.float32)
        unit = said.get("unit", "nanometers")
        group["wavelength"] = waves(bands) / (1000 if unit == "micrometers" else 1)
        group["wavelength"].attrs["units"] = np.bytes_(unit)
        if said.get("fwhm", True):
            group["fwhm"] = np.full(bands, 8.0) / (1000 if unit == "micrometers" else 1)
        if said.get("mapped", True):
            file["northing"] = 5809985.0 + down * np.arange(rows)
            file["easting"] = 365015.0 + 30 * np.arange(cols)
            file["transverse_mercator"] = np.bytes_("")
            file["transverse_mercator"].attrs["spatial_ref"] = np.bytes_(UTM)
            dataset.attrs["grid_mapping"] = np.bytes_("transverse_mercator")
            scales = {"wavelength": group["wavelength"], "northing": file["northing"], "easting": file["easting"]}
            for axis, wanted in enumerate(axes):
                scales[wanted].make_scale(wanted)
                dataset.dims[axis].attach_scale(scales[wanted])
    return path


def tanager(path, values, *, kind="SWATHS", name="surface_reflectance", masks=None, outside=None, good=None, **said):
    """Write a Tanager scene; ``masks``: {name of a plane: plane}; ``structure``: HDF-EOS5's text for a grid."""
    bands, rows, cols = values.shape
    with h5py.File(path, "w") as file:
        group = file.create_group(f"HDFEOS/{kind}/HYP")
        group.attrs["strip_id"] = "20250225_153627_16"
        dataset = group.create_dataset(f"Data Fields/{name}", data=ordered(values, said.get("order", "band row col")))
        dataset.attrs["wavelengths"], dataset.attrs["_FillValue"] = waves(bands), np.float32(FILL)
        if said.get("fwhm", True):
            dataset.attrs["fwhm"] = np.full(bands, 5.5, np.float32)
        if good is not None:
            dataset.attrs["good_wavelengths"] = np.asarray(good, np.uint8)
        for mask, plane in {**(masks or {}), **({"nodata_pixels": outside} if outside is not None else {})}.items():
            group[f"Data Fields/{mask}"] = plane
        if kind == "SWATHS":
            group["Geolocation Fields/Latitude"], group["Geolocation Fields/Longitude"] = swath(rows, cols)
        file["HDFEOS INFORMATION/StructMetadata.0"] = np.bytes_(said.get("structure", "END\n"))
        for key, value in said.get("attributes", {}).items():
            group.attrs[key] = value
    return path
