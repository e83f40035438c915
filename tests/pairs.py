"""Products of parameters, of which the fast tests take every pair and the slow ones the rest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product
from typing import Any

import pytest


def pairs(*parameters: Sequence[Any]) -> list[Any]:
    """Return all combinations for `pytest.mark.parametrize`; those that add no new pair of values are slow.

    Of a single parameter, or of two, every combination is a new pair: use it for three or more, or ask for
    `single_values`.
    """
    return _marked(parameters, 2)


def single_values(*parameters: Sequence[Any]) -> list[Any]:
    """Return all combinations for `pytest.mark.parametrize`; those that add no new value are slow."""
    return _marked(parameters, 1)


def _marked(parameters: Sequence[Sequence[Any]], strength: int) -> list[Any]:
    rows = list(product(*(range(len(values)) for values in parameters)))
    columns = list(combinations(range(len(parameters)), strength))

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
            *(values[number] for values, number in zip(parameters, row, strict=True)),
            marks=() if row in fast else pytest.mark.slow,
        )
        for row in rows
    ]
