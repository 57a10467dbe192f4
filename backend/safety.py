"""What the libraries that read files may do, settled before they load: no file runs code or fetches anything.

GDAL takes its settings from the environment. Whatever this process inherited is dropped and replaced: no Python in
virtual rasters, no network below ``/vsicurl`` and its kin, none for coordinate systems, only drivers that read local
files. Standard library only; :mod:`.__main__` calls :func:`restrict` first of all.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(", "))


_DROPPED = ("GDAL_", "OGR_", "CPL_", "VRT_", "PROJ_", "SQLITE_", "OSR_", "VSI_")
"""Settings of GDAL, PROJ and SQLite that a process may have inherited."""
NOWHERE = "http://127.0.0.1:9"
"""The discard port of this computer: a request that a library sends nevertheless goes through it, and ends there."""
RASTER_DRIVERS = _names(
    "AAIGrid, BMP, BT, COG, DERIVED, DIMAP, DTED, ECRGTOC, EHdr, ENVI, ERS, ESAT, ESRI Shapefile, FIT, GIF, GPKG, "
    "GRASSASCIIGrid, GRIB, GS7BG, GSAG, GSBG, GTX, GTiff, HDF5, HDF5Image, HF2, HFA, ILWIS, ISCE, ISIS2, ISIS3, "
    "JP2OpenJPEG, JPEG, KRO, LAN, Leveller, MAP, MEM, MFF, MFF2, Memory, NITF, NTv2, NWT_GRC, NWT_GRD, PAux, PCIDSK, "
    "PCRaster, PDS, PDS4, PNG, PNM, RMF, ROI_PAC, RRASTER, RST, SAGA, SDTS, SENTINEL2, SGI, SNAP_TIFF, SRTMHGT, TGA, "
    "Terragen, USGSDEM, VICAR, VRT, WEBP, XYZ, ZMap, Zarr, netCDF"
)
"""Drivers that read rasters: local files, no programs, no fetching."""
VECTOR_DRIVERS = _names(
    "CSV, DGN, DXF, ESRI Shapefile, FlatGeobuf, GML, GPKG, GPX, GeoJSON, GeoJSONSeq, GeoRSS, JML, JSONFG, KML, "
    "LIBKML, MEM, MapInfo File, MapML, MiraMonVector, ODS, OGR_GMT, OpenFileGDB, PCIDSK, PDS4, S57, SQLite, SXF, "
    "Selafin, TopoJSON, VICAR, XLSX, ESRIJSON, Memory"
)
"""Drivers that read vectors: local files, no databases of other programs, no services."""
_KNOWN = _names(
    "ACE2, ADBC, ADRG, AIG, AIVector, AVCBin, AVCE00, AirSAR, AmigoCloud, BAG, BIGGIF, BLX, BSB, BYN, CALS, CEOS, "
    "COASP, COSAR, CPG, CSW, CTG, CTable2, Carto, DAAS, DIPEx, DOQ1, DOQ2, EDIGEO, EEDA, EEDAI, EIR, ELAS, ESRIC, "
    "Elasticsearch, FAST, GDALG, GFF, GMLAS, GNMDatabase, GNMFile, GPSBabel, GSC, GTFS, GTI, GXF, GenBin, HTTP, "
    "IRIS, ISG, Idrisi, JAXAPALSAR, JDEM, KMLSUPEROVERLAY, L1B, LCP, LOSLAS, LVBAG, MBTiles, MRF, MSGN, MVT, MapML, "
    "MySQL, NAS, NDF, NGSGEOID, NGW, NOAA_B, NSIDCbin, OAPIF, OCI, ODBC, OGCAPI, OGR_PDS, OGR_VRT, OSM, OZI, PDF, "
    "PGDUMP, PLMOSAIC, PLSCENES, PMTiles, PNG, PRF, Parquet, PostgreSQL, R, RIK, RPFTOC, RS2, Rasterlite, S102, "
    "S104, S111, SAFE, SAR_CEOS, SIGDEM, SNODAS, SRP, STACIT, STACTA, TIL, TSX, TileDB, VDV, VFK, WAsP, WCS, WFS, "
    "WMS, WMTS, XPM"
)
"""Drivers of the GDAL that the backend's Python brings, besides the two lists; a test finds new ones."""
ALLOWED = RASTER_DRIVERS | VECTOR_DRIVERS
SETTINGS = {
    "GDAL_SKIP": ",".join(sorted(_KNOWN - ALLOWED)),
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    "GDAL_HTTP_PROXY": NOWHERE,
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",
    "PROJ_NETWORK": "OFF",
    "OGR_SQLITE_LOAD_EXTENSIONS": "",
    "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE",  # files beside a raster belong to it
    "CPL_LOG": os.devnull,  # GDAL warns there of drivers that one of the two libraries lacks; errors are raised
    "GDAL_CACHEMAX": "64",  # else blocks in up to 5 % of the memory: the peak would follow the scene's size
    "CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO",  # a packed scene is only read: no file beside it
}


def restrict(environment: MutableMapping[str, str] = os.environ) -> None:
    """Drop what was inherited and set what is safe. Before rasterio and pyogrio load."""
    for name in [one for one in environment if one.upper().startswith(_DROPPED)]:
        del environment[name]
    environment.update(SETTINGS)
