"""Exports of one microscope maker each."""
