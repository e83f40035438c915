"""Results as layers of a napari viewer."""
