"""The section of the dock that compares axes: the plan."""
