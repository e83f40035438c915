"""The dock: what is run, and the run itself."""
