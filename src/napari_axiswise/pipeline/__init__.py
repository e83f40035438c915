"""Steps and pipelines, and how the functions in them are read and called."""
