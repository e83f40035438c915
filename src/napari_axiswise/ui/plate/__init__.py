"""The plate in the viewer."""
