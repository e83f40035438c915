"""Same answer: the check of an axis."""
