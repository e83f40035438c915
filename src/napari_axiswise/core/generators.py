"""Generators that yield events and return a result."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

ReturnT = TypeVar("ReturnT")


def exhaust(generator: Generator[object, None, ReturnT]) -> ReturnT:
    """Run a generator to its end and return its return value."""
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            returned: ReturnT = stop.value
            return returned
