"""The backend's own Python: where it lives, how it is made, checked, repaired and deleted. No qgis."""
