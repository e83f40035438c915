"""Results as layers of a viewer."""
