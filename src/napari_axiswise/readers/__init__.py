"""Readers: from a place in a file or an array to one plane of pixels. One module per kind of storage.

This is the part of a dataset that travels to workers, so it imports nothing heavy until a plane is read.
"""
