"""The command ``napari-axiswise``."""
