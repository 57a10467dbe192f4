"""What GDAL's rasters say besides their pixels: bands, masks, files beside them."""
