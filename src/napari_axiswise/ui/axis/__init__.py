"""Which axis: the plan."""
