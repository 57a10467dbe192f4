"""Mixel's half in QGIS's Python: qgis and what QGIS ships, never the backend's packages."""
