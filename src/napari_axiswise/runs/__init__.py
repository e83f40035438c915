"""Planning, executing and resuming runs."""
