"""The editor of pipelines."""
