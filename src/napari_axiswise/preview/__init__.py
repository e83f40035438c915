"""Previews: the output of each step of a pipeline for one plane, while the pipeline is edited."""
