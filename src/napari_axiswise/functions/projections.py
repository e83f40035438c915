"""Stacks to planes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["max", "mean", "sum"]


def project(stack: NDArray[Any], method: Method = "max") -> NDArray[Any]:
    """Project a stack over all its leading axes: those that the step stacks (``variable``).

    Parameters
    ----------
    stack : ndarray, shape (..., Y, X)
        The planes.
    method : {"max", "mean", "sum"}
        Which projection.

    Returns
    -------
    ndarray, shape (Y, X)
        The maximum has the dtype of `stack`; the mean is float; the sum is as wide as numpy makes it.

    Raises
    ------
    ValueError
        Another `method`.
    """
    methods: dict[str, Callable[..., Any]] = {"max": np.max, "mean": np.mean, "sum": np.sum}
    if method not in methods:
        raise ValueError(f"method={method!r}: use one of {', '.join(methods)}.")
    return np.asarray(methods[method](stack, axis=tuple(range(stack.ndim - 2))))
