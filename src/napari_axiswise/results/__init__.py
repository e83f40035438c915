"""Where the outputs of a run lie: workers write pixels, the parent writes metadata once."""
