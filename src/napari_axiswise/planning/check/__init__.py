"""Checking that the axis does not change the answer."""
