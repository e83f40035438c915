"""The timeline section of the dock."""
