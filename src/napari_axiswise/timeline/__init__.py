"""When each task ran, on which worker."""
