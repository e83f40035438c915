"""The metadata, levels and shards of an OME-Zarr output."""
