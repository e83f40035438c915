"""Planes of Zarr arrays, whose metadata and chunks are checked."""
