"""Opening data, and the report of what is missing."""
