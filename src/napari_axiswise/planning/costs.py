"""What each block will cost, told from a few that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .blocks import Blocks

OUTLIER = 20.0
"""How many times slower than is usual a block has to be to count as an outlier, which others do not follow."""

PRIOR = 0.2
"""How many measurements the guess is worth that a value of a component makes no difference."""


@dataclass(frozen=True, eq=False)
class BlockCosts:
    """Seconds that each block takes.

    Parameters
    ----------
    seconds : ndarray of float, shape (blocks,)
        As measured, or else predicted. Not a number where nothing was measured at all.
    outliers : ndarray of int, shape (outliers,)
        The blocks that were measured, or given up, and are much slower than the others.
    """

    seconds: NDArray[np.float64]
    outliers: NDArray[np.intp]


def predict_costs(
    blocks: Blocks,
    measured: NDArray[np.intp],
    seconds: NDArray[np.float64],
    usual: NDArray[np.bool_],
    at_least: Mapping[int, float] | None = None,
) -> BlockCosts:
    """Return what all blocks cost, by the seconds a plane of those that were measured.

    Each value of each component makes planes slower or faster by a factor of its own: of channels, one may hold
    more objects than another. The factors are found by ridge regression on the logarithm of the seconds a plane
    (A. E. Hoerl, R. W. Kennard, "Ridge regression", Technometrics, 1970), which leaves a factor at 1 where
    little speaks against that. A block that was measured costs what was measured.

    Parameters
    ----------
    blocks : Blocks
        All there are.
    measured : ndarray of int, shape (measured,)
        Those that were measured.
    seconds : ndarray of float, shape (measured,)
        What they took.
    usual : ndarray of bool, shape (measured,)
        Which of them others may be told from: not those that failed.
    at_least : mapping, optional
        From blocks that were given up to the seconds that they had taken.
    """
    if not usual.any():
        return BlockCosts(np.full(len(blocks), np.nan), measured[:0])
    rates = np.maximum(seconds, 1e-9) / blocks.plane_counts[measured]
    slow = OUTLIER * np.median(rates[usual])
    told = usual & (rates <= slow)
    effects = _effects(blocks, measured[told], np.log(rates[told]))
    predicted = np.exp(effects) * blocks.plane_counts
    # The mean of logarithms is less than the logarithm of the mean: in sum, what was measured is to come out.
    predicted *= seconds[told].sum() / predicted[measured[told]].sum()
    predicted[measured] = seconds
    outliers = measured[rates > slow].tolist()
    for block, least in (at_least or {}).items():
        predicted[block] = max(predicted[block], least)
        if least > slow * blocks.plane_counts[block]:
            outliers.append(block)
    return BlockCosts(predicted.astype(np.float64), np.array(outliers, np.intp))


def _effects(
    blocks: Blocks, measured: NDArray[np.intp], logarithms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the logarithm of the seconds a plane of every block, shape (blocks,)."""
    mean, count = logarithms.mean(), len(measured)
    samples = [np.unique(column, return_inverse=True) for column in blocks.codes[measured].T]
    # Of values that were measured once each, nobody knows whether it is they or chance that made a difference.
    trust = [1.0 - len(values) / count if len(values) > 1 else 0.0 for values, _ in samples]
    # Solved for the measurements, which are fewer than the values they have.
    shared = sum(
        (part * np.equal.outer(codes, codes) for part, (_, codes) in zip(trust, samples, strict=True)),
        PRIOR * np.eye(count),
    )
    weights = np.linalg.solve(shared, logarithms - mean)
    effects = np.full(len(blocks), mean)
    for part, (values, codes), column in zip(trust, samples, blocks.codes.T, strict=True):
        factor = np.zeros(int(column.max()) + 1)
        factor[values] = part * np.bincount(codes, weights)
        effects += factor[column]
    return effects
