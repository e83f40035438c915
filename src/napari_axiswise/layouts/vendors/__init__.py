"""Layouts of exports of microscope vendors."""
