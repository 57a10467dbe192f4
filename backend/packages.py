"""The one list of packages that the backend imports; what checks, locks and records them reads it here.

Standard library only and Python 3.9: any interpreter that a user offers must be able to read it.
"""

from __future__ import annotations

from typing import Dict, Tuple

PACKAGES: Dict[str, str] = {
    "numpy": "numpy",
    "numba": "numba",
    "llvmlite": "llvmlite",
    "torch": "torch",
    "rasterio": "rasterio",
    "affine": "affine",
    "scipy": "scipy",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "safetensors": "safetensors",
    "psutil": "psutil",
    "jinja2": "jinja2",
    "h5py": "h5py",
    "pyogrio": "pyogrio",
    "shapely": "shapely",
}
"""Name of the distribution: name of the module."""

WISHES: Dict[str, str] = {"torch": "==2.13.0", "rasterio": "==1.4.*"}
"""Versions that the locks must keep to, by distribution; all others are whatever fits."""

WINDOWS_CUDA: Dict[str, str] = {"triton-windows": "==3.7.1.*"}
"""What the builds of torch for CUDA need on Windows besides; on Linux torch brings Triton itself, of this version."""

OPTIONAL: Tuple[str, ...] = ("triton", "mamba_ssm", "causal_conv1d")
"""Modules that are used where a CUDA build of torch or the user has brought them; nothing fails without them."""
