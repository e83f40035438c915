"""Catalog of functions that can be steps, listed without importing their modules."""
