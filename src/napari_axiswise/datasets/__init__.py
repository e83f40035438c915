"""Datasets: folders, files, arrays and napari layers as tables of planes."""
