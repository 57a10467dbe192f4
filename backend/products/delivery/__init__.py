"""Deliveries of agencies: a folder, a zip, or one of its files, and the XML in it."""
