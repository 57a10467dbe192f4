"""Swaths: the coordinates of each pixel turned into a grid, by a lookup table or by the coordinates themselves."""
