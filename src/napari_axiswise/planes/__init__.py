"""The table of planes, and readers of their pixels."""
