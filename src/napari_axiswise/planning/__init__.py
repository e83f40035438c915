"""Planning: which axis to choose, what a run will cost, and whether the result depends on the axis."""
