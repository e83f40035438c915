"""The timeline in the dock."""
