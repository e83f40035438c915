"""The timeline of a run: when each task ran, on which worker, and how far the run is."""
