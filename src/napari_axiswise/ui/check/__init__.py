"""Check of an axis: whether it changes the answer."""
