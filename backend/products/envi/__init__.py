"""ENVI headers: their fields, the quantity they state, and Specim's references."""
