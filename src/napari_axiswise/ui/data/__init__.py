"""Opening data, and what they have and lack."""
