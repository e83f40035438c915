"""Projections: functions from stacks to planes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["max", "mean", "sum"]


def project(stack: NDArray[Any], method: Method = "max") -> NDArray[Any]:
    """Project a stack along all leading axes: the components that the step processes together (``variable``).

    Parameters
    ----------
    stack : ndarray, shape (..., Y, X)
        The planes.
    method : {"max", "mean", "sum"}
        Type of projection.

    Returns
    -------
    ndarray, shape (Y, X)
        The projection. The maximum has the dtype of `stack`, the mean is float, and the sum has the dtype of
        `numpy.sum`.

    Raises
    ------
    ValueError
        `method` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> project(np.array([[[1, 5]], [[4, 2]]])).tolist()
    [[4, 5]]
    """
    methods: dict[str, Callable[..., Any]] = {"max": np.max, "mean": np.mean, "sum": np.sum}
    if method not in methods:
        raise ValueError(f"method={method!r}: use one of {', '.join(methods)}.")
    return np.asarray(methods[method](stack, axis=tuple(range(stack.ndim - 2))))


def select(stack: NDArray[Any], index: int = 0) -> NDArray[Any]:
    """Select one plane of a stack, such as one channel in a step with ``variable="channel"``.

    Parameters
    ----------
    stack : ndarray, shape (N, Y, X)
        The planes, in the natural order of the component.
    index : int
        Index of the plane, from 0; -1 is the last. A stack with missing planes is shorter.

    Returns
    -------
    ndarray, shape (Y, X)
        The plane, with the dtype of `stack`.

    Raises
    ------
    ValueError
        There is no such plane, or the stack has more than one leading axis.

    Examples
    --------
    >>> import numpy as np
    >>> select(np.array([[[1, 5]], [[4, 2]]]), index=1).tolist()
    [[4, 2]]
    """
    if stack.ndim != 3:
        raise ValueError(
            f"select takes a stack of shape (N, Y, X), and this one is {stack.shape}: stack one component, with "
            "variable=…"
        )
    if not -len(stack) <= index < len(stack):
        raise ValueError(
            f"index={index}: the stack has {len(stack)} planes, from 0 to {len(stack) - 1}. Is a plane missing?"
        )
    # A copy, so that the other planes can be freed.
    return np.array(stack[index])
