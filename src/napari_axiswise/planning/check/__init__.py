"""Check whether the axis changes the result."""
