"""Predict the duration of every block from a few that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .blocks import Blocks

OUTLIER = 20.0
"""A block this many times slower than the median is an outlier, and is not used to predict others."""

PRIOR = 0.2
"""Weight, in measurements, of the assumption that a component value makes no difference."""


@dataclass(frozen=True, eq=False)
class BlockCosts:
    """Duration of each block.

    Parameters
    ----------
    seconds : ndarray of float, shape (blocks,)
        Measured or predicted duration; NaN if nothing was measured.
    outliers : ndarray of int, shape (outliers,)
        Blocks that were measured or stopped, and are much slower than the others.
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
    """Predict the duration of all blocks from the seconds per plane of measured ones.

    Each component value multiplies the seconds per plane by a factor: one channel may hold more objects than another.
    The factors are found by ridge regression on the logarithm of the seconds per plane (A. E. Hoerl, R. W. Kennard,
    "Ridge regression", Technometrics, 1970), which keeps a factor near 1 without evidence to the contrary. A measured
    block keeps its measured duration.

    Parameters
    ----------
    blocks : Blocks
        All blocks.
    measured : ndarray of int, shape (measured,)
        Blocks that were measured.
    seconds : ndarray of float, shape (measured,)
        Their durations.
    usual : ndarray of bool, shape (measured,)
        Which of them the prediction may use: those that did not fail.
    at_least : mapping, optional
        Seconds spent on blocks that were stopped.
    """
    if not usual.any():
        return BlockCosts(np.full(len(blocks), np.nan), measured[:0])
    rates = np.maximum(seconds, 1e-9) / blocks.plane_counts[measured]
    slow = OUTLIER * np.median(rates[usual])
    used = usual & (rates <= slow)
    effects = _effects(blocks, measured[used], np.log(rates[used]))
    predicted = np.exp(effects) * blocks.plane_counts
    # Fitting logarithms underestimates the mean; scale so that the measured total is reproduced.
    predicted *= seconds[used].sum() / predicted[measured[used]].sum()
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
    """Return the logarithm of the seconds per plane of every block, shape (blocks,)."""
    mean, count = logarithms.mean(), len(measured)
    samples = [np.unique(column, return_inverse=True) for column in blocks.codes[measured].T]
    # If each value was measured once, its effect cannot be separated from chance.
    trust = [1.0 - len(values) / count if len(values) > 1 else 0.0 for values, _ in samples]
    # Solved in the space of measurements, which are fewer than the component values.
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
