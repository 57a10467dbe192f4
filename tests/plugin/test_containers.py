"""GDAL's names of parts lead to the file that holds them; remote ones lead nowhere."""

from __future__ import annotations

import zipfile

import pytest
from mixel.plugin.containers import file_behind, is_container

PATTERNS = [
    'HDF5:"{}"://HDFEOS/SWATHS/PRS_L2D_HCO/Data_Fields/VNIR_Cube',
    "HDF5:{}://group/cube",
    'NETCDF:"{}":reflectance',
    "NETCDF:{}:reflectance",
    "NETCDF:{}",
    'ZARR:"{}":/reflectance/reflectance',
    "HDF4_SDS:UNKNOWN:{}:3",
    'HDF4_EOS:EOS_GRID:"{}":grid:band',
    "GTIFF_DIR:2:{}",
    "GTIFF_DIR:off:4711:{}",
    'SENTINEL2_L2A:"{}":10m:EPSG_32633',
    "{}",
]


@pytest.mark.parametrize("name", ["a.he5", "with space.he5", "colon:in:name.he5", "ü山.nc", "a.nc|b"])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_part_leads_to_its_file(tmp_path, name, pattern):
    (tmp_path / name).write_bytes(b"x")
    assert file_behind(pattern.format(tmp_path / name)) == str(tmp_path / name)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_file_that_is_gone_leads_nowhere(tmp_path, pattern):
    assert file_behind(pattern.format(tmp_path / "gone.nc")) == ""


def test_a_folder_of_zarr_is_the_product(tmp_path):
    folder = tmp_path / "cube.zarr"
    folder.mkdir()
    assert file_behind(f'ZARR:"{folder}":/cube') == str(folder) and is_container(str(folder))


@pytest.mark.parametrize("inside", ["{}/a.tif", "{}/folder/b.TIF", "{}", "{{{}}}/a.tif"])
def test_a_file_in_a_zip_leads_to_the_zip(tmp_path, inside):
    path = tmp_path / "ENMAP 01.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.tif", b"x")
    name = "/vsizip/" + inside.format(path)
    assert file_behind(name) == str(path) and is_container(str(path))
    assert file_behind(f'HDF5:"{name}"://cube') == str(path)


@pytest.mark.parametrize(
    "source",
    [
        "/vsicurl/https://example.org/a.nc",
        'NETCDF:"/vsicurl/https://example.org/a.nc":cube',
        'ZARR:"/vsis3/bucket/a.zarr":/cube',
        'NETCDF:"https://example.org/a.nc":cube',
        "/vsizip//vsicurl/https://example.org/a.zip/b.tif",
        "/vsimem/a.tif",
        "/vsitar//a.tar/b.tif",
        "https://example.org/a.tif",
        "WCS:https://example.org/wcs",
        "type=xyz&url=https://example.org",
        "HDF5:",
        "",
    ],
)
def test_what_is_not_on_this_computer_leads_nowhere(source):
    assert file_behind(source) == ""


@pytest.mark.parametrize("magic", [b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x05", b"\x0e\x03\x13\x01", b"PK\x03\x04"])
def test_containers_are_known_by_their_first_bytes_whatever_their_name(tmp_path, magic):
    path = tmp_path / "file.tif"
    path.write_bytes(magic + b"more")
    assert is_container(str(path))
    path.write_bytes(b"II*\0" + magic)
    assert not is_container(str(path))


def test_an_empty_or_absent_file_is_no_container(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert not is_container(str(tmp_path / "empty")) and not is_container(str(tmp_path / "absent"))
