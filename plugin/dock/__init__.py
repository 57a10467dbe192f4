"""The panel: scene, method, settings, run, live curve. No logic of its own: it runs the Processing algorithm."""
