"""Files that point to a server: a listener on this computer counts what they make the backend ask for."""

from __future__ import annotations

import http.server
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mixel.backend.protocol import Failed, Job, decode

from .runs import PATIENCE, Place, wrong_sentence

SOURCE = (
    '<VRTRasterBand dataType="Int16" band="{0}"><SimpleSource><SourceFilename relativeToVRT="0">{1}</SourceFilename>'
    '<SourceBand>{0}</SourceBand><SrcRect xOff="0" yOff="0" xSize="17" ySize="11"/>'
    '<DstRect xOff="0" yOff="0" xSize="17" ySize="11"/></SimpleSource></VRTRasterBand>'
)


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A server on this computer: its address, and what it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_PUT = do_OPTIONS = do_GET

        def log_message(self, *arguments: object) -> None:
            """No line on the terminal."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def _vrt(folder: Path, address: str) -> Path:
    path = folder / "stranger.vrt"
    bands = "".join(SOURCE.format(band, address) for band in range(1, 13))
    path.write_text(f'<VRTDataset rasterXSize="17" rasterYSize="11">{bands}</VRTDataset>')
    return path


def _tiles(folder: Path, address: str) -> Path:
    path = folder / "stranger.xml"
    path.write_text(f'<GDAL_WMS><Service name="TMS"><ServerUrl>{address}/${{x}}</ServerUrl></Service></GDAL_WMS>')
    return path


def _ogr(folder: Path, address: str) -> Path:
    path = folder / "stranger.vrt"
    layer = f'<OGRVRTLayer name="x"><SrcDataSource>/vsicurl/{address}/x.geojson</SrcDataSource></OGRVRTLayer>'
    path.write_text(f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>")
    return path


def _link(folder: Path, address: str) -> Path:
    path = folder / "stranger.geojson"
    crs = {"type": "link", "properties": {"href": f"{address}/crs.wkt", "type": "ogcwkt"}}
    feature = {"type": "Feature", "properties": {"class": "a"}, "geometry": {"type": "Point", "coordinates": [1, 2]}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": [feature]}))
    return path


FILES = {
    "virtual raster": lambda folder, address: _vrt(folder, f"/vsicurl/{address}/a.tif"),
    "virtual raster of a plain address": lambda folder, address: _vrt(folder, f"{address}/a.tif"),
    "tiles": _tiles,
    "virtual layer": _ogr,
    "layer with a link": _link,
    "address": lambda folder, address: f"{address}/a.tif",
    "address of a system": lambda folder, address: f"/vsicurl/{address}/a.gpkg",
}
PLACES = ("scene", "labels", "area", "library", "model")


def ask(place: Place, chance: random.Random) -> list[str]:
    """Give a file that points to a server to one of the inputs; gives what went wrong."""
    name, where = chance.choice(list(FILES)), chance.choice(PLACES)
    with listening() as (address, asked):
        path = str(FILES[name](place.folder, address))
        scene, out = place.scene, str(place.out)
        job = {
            "scene": Job("unmix", "vca_fcls", path, out),
            "labels": Job("classify", "svm", scene, out, inputs={"training": {"path": path, "field": "class"}}),
            "area": Job("unmix", "vca_fcls", scene, out, inputs={"area": {"path": path}}),
            "library": Job("estimate_abundances", "", scene, out, inputs={"library": {"path": path}}),
            "model": Job("apply_model", "", scene, out, inputs={"model": {"path": path}}),
        }[where]
        job.write(place.folder / "job.json")
        told = place.backend(place.folder / "job.json").communicate(timeout=PATIENCE)[0]
    last = decode(told.splitlines()[-1])
    wrong = [f"{len(asked)} requests: {asked[:3]}"] if asked else []
    wrong += wrong_sentence(last.message) if isinstance(last, Failed) else [f"not refused: {last}"]
    return [f"{name} as {where}: {one}" for one in wrong]
