"""What a worker does: read planes, run steps, write results."""
