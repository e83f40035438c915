"""The outputs of a run: workers write pixels, and the parent writes the metadata once."""
