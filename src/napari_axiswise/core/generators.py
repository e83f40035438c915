"""Generators that yield what happens, and return what came of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

ReturnT = TypeVar("ReturnT")


def exhaust(generator: Generator[object, None, ReturnT]) -> ReturnT:
    """Go through a generator, and return what it returns."""
    while True:
        try:
            next(generator)
        except StopIteration as done:
            returned: ReturnT = done.value
            return returned
