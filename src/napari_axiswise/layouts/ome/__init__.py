"""OME-TIFF, OME-Zarr, and the outputs of runs."""
