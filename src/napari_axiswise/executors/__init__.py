"""Executors, which run tasks. Each is a `concurrent.futures.Executor`."""
