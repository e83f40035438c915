"""Basic types and helpers that all other folders use: components, axes, events, kinds and errors."""
