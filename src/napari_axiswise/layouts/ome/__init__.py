"""Layouts of OME-TIFF, OME-Zarr and outputs of runs."""
