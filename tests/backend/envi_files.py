"""ENVI files of instruments for tests: any interleave, type and byte order, by the format's description."""

from __future__ import annotations

import numpy as np

TYPES = {"u1": 1, "i2": 2, "i4": 3, "f4": 4, "f8": 5, "u2": 12}
AXES = {"bsq": (0, 1, 2), "bil": (1, 0, 2), "bip": (1, 2, 0)}
BANDS, ROWS, COLS = 12, 9, 14
WAVELENGTHS = tuple(450.0 + 50 * band for band in range(BANDS))


def write_cube(path, values, fields="", *, interleave="bil", big_endian=False, offset=0, header=None, capitals=False):
    """Write values (bands, rows, cols) of the type they have, and a header with further lines; gives the path.

    ``header``: where the header lies; else beside the file, with its extension replaced.
    """
    bands, rows, cols = values.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = values.dtype.str[1:]
    laid = values.transpose(AXES[interleave]).astype((">" if big_endian else "<") + kind)
    path.write_bytes(b"\0" * offset + laid.tobytes())
    known = {
        "samples": cols,
        "lines": rows,
        "bands": bands,
        "header offset": offset,
        "file type": "ENVI Standard",
        "data type": TYPES[kind],
        "interleave": interleave,
        "byte order": int(big_endian),
        "wavelength": "{" + ", ".join(f"{one:.1f}" for one in WAVELENGTHS[:bands]) + "}",
        "wavelength units": "Nanometers",
    }
    lines = [f"{key.upper() if capitals else key} = {value}" for key, value in known.items()]
    text = "\n".join(["ENVI", *lines, fields, ""])
    (header or path.with_suffix(".hdr")).write_text(text, encoding="latin-1")
    return path


def spectra(seed=0, bands=BANDS, rows=ROWS, cols=COLS):
    """Reflectance (bands, rows, cols), 0.05 to 0.6."""
    return np.random.default_rng(seed).uniform(0.05, 0.6, (bands, rows, cols)).astype(np.float32)
