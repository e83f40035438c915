"""Plates: plate maps, wells, values per well, and the geometry of a picture."""
