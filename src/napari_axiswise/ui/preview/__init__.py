"""Trying a pipeline on one plane."""
