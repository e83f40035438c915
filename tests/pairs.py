"""Products of parameters, of which the fast tests take every pair and the slow ones the rest."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations, product
from typing import Any

import pytest


def pairs(*parameters: Iterable[Any]) -> list[Any]:
    """Return all combinations for `pytest.mark.parametrize`; those that add no new pair of values are slow.

    It is for three parameters or more: of two, every combination is a new pair, and `single_values` serves.
    """
    return _marked(parameters, 2)


def single_values(*parameters: Iterable[Any]) -> list[Any]:
    """Return all combinations for `pytest.mark.parametrize`; those that add no new value are slow."""
    return _marked(parameters, 1)


def _marked(parameters: Iterable[Iterable[Any]], strength: int) -> list[Any]:
    values = [tuple(parameter) for parameter in parameters]
    rows = list(product(*(range(len(parameter)) for parameter in values)))
    columns = list(combinations(range(len(values)), strength))

    def parts(row: tuple[int, ...]) -> set[tuple[tuple[int, int], ...]]:
        return {tuple((column, row[column]) for column in chosen) for chosen in columns}

    left = set().union(*map(parts, rows))
    fast = set()
    while left:
        best = max(rows, key=lambda row: len(parts(row) & left))
        fast.add(best)
        left -= parts(best)
    return [
        pytest.param(
            *(parameter[number] for parameter, number in zip(values, row, strict=True)),
            marks=() if row in fast else pytest.mark.slow,
        )
        for row in rows
    ]
