"""The plot section of the dock."""
