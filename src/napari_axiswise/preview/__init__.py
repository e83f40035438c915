"""Previews: what the steps of a pipeline make of one plane, as it is built."""
