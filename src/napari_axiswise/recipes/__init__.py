"""Runs as text files and scripts."""
