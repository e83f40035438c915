"""Layouts: how instruments and formats store planes in files and folders."""
