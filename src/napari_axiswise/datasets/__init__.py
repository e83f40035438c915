"""Datasets: a folder, a file or napari layers as a table of planes. One module per layout."""
