"""File names that no layout knows: their parts, what these can mean, and patterns that read them."""
