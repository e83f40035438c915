"""Runs: planned, executed, resumed."""
