"""Where planes are, and how each is read."""
