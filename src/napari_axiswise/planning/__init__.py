"""Before and beside a run: which axis to choose, what it will cost, and whether the answer depends on it."""
