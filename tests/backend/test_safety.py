"""Files of strangers run no code and fetch nothing: settings, drivers, links; proven by a listener on loopback."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from children import ROOT
from mixel.backend.links import MOST_SOURCES, check_links
from mixel.backend.protocol import Described, Failed, Job, decode
from mixel.backend.safety import ALLOWED, SETTINGS, restrict
from scenes import stored, write

BAND = (
    '<VRTRasterBand dataType="Int16" band="{0}"><SimpleSource><SourceFilename relativeToVRT="{1}">{2}</SourceFilename>'
    '<SourceBand>{0}</SourceBand><SrcRect xOff="0" yOff="0" xSize="17" ySize="11"/>'
    '<DstRect xOff="0" yOff="0" xSize="17" ySize="11"/></SimpleSource></VRTRasterBand>'
)


@pytest.fixture
def server():
    """A server on this computer that counts requests: the address, and the list of what was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()


def vrt(path, source, relative=1, bands=12):
    body = "".join(BAND.format(band, relative, source) for band in range(1, bands + 1))
    path.write_text(f'<VRTDataset rasterXSize="17" rasterYSize="11">{body}</VRTDataset>')
    return path


def child(*arguments, **environment):
    command = [sys.executable, "-m", "backend", *map(str, arguments)]
    found = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120
    )
    return decode(found.stdout.splitlines()[-1])


def refusal(answer):
    return answer.refusal if isinstance(answer, Described) else answer.message


def test_what_was_inherited_is_dropped_and_replaced():
    environment = {"GDAL_VRT_ENABLE_PYTHON": "YES", "gdal_skip": "", "PROJ_LIB": "/elsewhere", "PATH": "/bin"}
    restrict(environment)
    assert environment == {**SETTINGS, "PATH": "/bin"}


def test_only_drivers_that_read_local_files_are_left():
    code = (
        "import json; from backend.safety import restrict; restrict(); import rasterio, pyogrio\n"
        "with rasterio.Env() as env: found = [*env.drivers(), *pyogrio.list_drivers()]\nprint(json.dumps(found))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    left = set(json.loads(found.stdout))
    assert left <= ALLOWED, sorted(left - ALLOWED)
    assert {"GTiff", "ENVI", "VRT", "netCDF", "GPKG", "GeoJSON", "ESRI Shapefile"} <= left
    assert not {"WMS", "HTTP", "OGR_VRT", "PDF"} & ALLOWED


def test_a_virtual_raster_with_python_in_it_runs_nothing_whatever_the_environment_says(tmp_path):
    mark = tmp_path / "ran"
    write(tmp_path / "part.tif")
    code = f"open({str(mark)!r}, 'w')\ndef f(a, out, *rest, **more):\n    out[:] = 1\n"
    body = "".join(
        BAND.format(band, 1, "part.tif").replace(
            f'band="{band}">',
            f'band="{band}" subClass="VRTDerivedRasterBand"><PixelFunctionType>f</PixelFunctionType>'
            f"<PixelFunctionLanguage>Python</PixelFunctionLanguage><PixelFunctionCode><![CDATA[{code}]]>"
            "</PixelFunctionCode>",
        )
        for band in range(1, 13)
    )
    path = tmp_path / "code.vrt"
    path.write_text(f'<VRTDataset rasterXSize="17" rasterYSize="11">{body}</VRTDataset>')
    answer = child("--facts", path, GDAL_VRT_ENABLE_PYTHON="YES")
    assert "holds program code" in refusal(answer) and not mark.exists()


@pytest.mark.parametrize("kind", ["curl", "s3", "nested", "service", "address", "vsicurl"])
def test_a_scene_that_points_to_a_server_is_refused_with_the_address_and_nothing_is_asked_for(tmp_path, server, kind):
    address, asked = server
    path = tmp_path / "scene.vrt"
    if kind == "curl":
        vrt(path, f"/vsicurl/{address}/scene.tif", 0)
    elif kind == "s3":
        vrt(path, "/vsis3/bucket/scene.tif", 0)
    elif kind == "nested":
        vrt(tmp_path / "inner.vrt", f"/vsicurl/{address}/scene.tif", 0)
        vrt(path, "inner.vrt")
    elif kind == "service":
        path.write_text(f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}/${{x}}</ServerUrl></Service></GDAL_WMS>')
    else:
        path = f"{address}/scene.tif" if kind == "address" else f"/vsicurl/{address}/scene.tif"
    message = refusal(child("--facts", path))
    assert asked == []
    assert "server" in message and ("s3" if kind == "s3" else address.split("//")[1]) in message


@pytest.mark.parametrize("kind", ["GeoJSON", "OGR VRT"])
def test_labels_that_point_to_a_server_are_refused_and_nothing_is_asked_for(tmp_path, server, kind):
    address, asked = server
    if kind == "GeoJSON":
        path = tmp_path / "labels.geojson"
        feature = {
            "type": "Feature",
            "properties": {"class": "a"},
            "geometry": {"type": "Point", "coordinates": [1, 2]},
        }
        crs = {"type": "link", "properties": {"href": f"{address}/crs.wkt", "type": "ogcwkt"}}
        path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    else:
        path = tmp_path / "labels.vrt"
        path.write_text(
            f'<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>/vsicurl/{address}/x.geojson</SrcDataSource>'
            "</OGRVRTLayer></OGRVRTDataSource>"
        )
    given = {"training": {"path": str(path), "field": "class"}}
    job = Job("classify", "random_forest", write(tmp_path / "scene.tif"), str(tmp_path / "out"), inputs=given)
    job.write(tmp_path / "job.json")
    answer = child(tmp_path / "job.json")
    assert isinstance(answer, Failed) and asked == []
    assert "on a server" in answer.message and address in answer.message


def test_a_virtual_raster_of_virtual_rasters_without_end_is_refused_at_once(tmp_path):
    write(tmp_path / "leaf.tif")
    below = "leaf.tif"
    for level in range(7):
        vrt(tmp_path / f"{level}.vrt", below)
        below = f"{level}.vrt"
    with pytest.raises(ValueError, match=f"more than {MOST_SOURCES:,} sources"):
        check_links(tmp_path / below)
    assert check_links(tmp_path / "2.vrt") == []
    assert "sources" in refusal(child("--facts", tmp_path / below))


def test_a_virtual_raster_that_names_itself_or_is_nested_too_deeply_ends(tmp_path):
    vrt(tmp_path / "self.vrt", "self.vrt")
    assert check_links(tmp_path / "self.vrt") == []
    for level in range(12):
        vrt(tmp_path / f"{level}.vrt", f"{level + 1}.vrt", bands=1)
    with pytest.raises(ValueError, match="nested too deeply"):
        check_links(tmp_path / "0.vrt")


def test_sources_in_other_folders_are_told_and_those_beside_are_not(tmp_path):
    (tmp_path / "inside").mkdir()
    write(tmp_path / "away.tif", stored())
    write(tmp_path / "inside" / "near.tif", stored())
    (told,) = check_links(vrt(tmp_path / "inside" / "a.vrt", tmp_path / "away.tif", 0))
    assert told.endswith(f"files outside its folder: {tmp_path / 'away.tif'}.")
    (told,) = check_links(vrt(tmp_path / "inside" / "b.vrt", "../away.tif"))
    assert "away.tif" in told
    assert check_links(vrt(tmp_path / "inside" / "c.vrt", "near.tif")) == []
    made = vrt(tmp_path / "inside" / "scene.vrt", "../away.tif")
    made.write_text(made.read_text().replace("<VRTRasterBand", '<Metadata domain="MIXEL"></Metadata><VRTRasterBand', 1))
    assert check_links(made) == [], "a product that Mixel opened lies one folder up"


@pytest.mark.parametrize("content", [b"", b"\x00" * 600, b"<", b"{", b"<VRTDataset>\xff\xfe", b"II*\x00" + b"x" * 600])
def test_files_that_point_nowhere_pass(tmp_path, content):
    (tmp_path / "a.bin").write_bytes(content)
    assert check_links(tmp_path / "a.bin") == []
    assert check_links(tmp_path / "absent") == [] and check_links(tmp_path) == []


def test_a_crs_written_out_or_by_name_is_no_link(tmp_path):
    path = tmp_path / "a.geojson"
    path.write_text('{"type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "EPSG:4326"}}}')
    assert check_links(path) == []
    np.testing.assert_equal(check_links(write(tmp_path / "scene.tif")), [])
