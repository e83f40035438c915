"""Plate maps, wells and their statistics."""
