"""The only part that knows napari and Qt."""
