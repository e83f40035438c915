"""The plot in the dock."""
