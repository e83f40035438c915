"""The preview: a pipeline on the displayed plane."""
