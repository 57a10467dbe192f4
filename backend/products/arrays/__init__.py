"""Files of named arrays (HDF5, netCDF, Zarr): their cubes, axes, values and places."""
