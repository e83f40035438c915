"""Projections: functions from stacks to planes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..core.components import is_projection, normalize_value
from ..core.text import join_names, quote_names
from ..pipeline.unit_info import UnitInfo

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


def select(
    stack: NDArray[Any], index: int = 0, value: str = "", *, unit: UnitInfo | None = None
) -> NDArray[Any]:
    """Select one plane of a stack by its value, such as one channel in a step with ``variable="channel"``.

    Parameters
    ----------
    stack : ndarray, shape (N, Y, X)
        The planes, in the natural order of the component.
    index : int
        Index of the value among all values of the component in the dataset, from 0; -1 is the last. It is the same
        plane for every unit, even if a stack lacks others.
    value : str
        The value, or the name of the channel, to select instead of an index.
    unit : UnitInfo, optional
        The values along the stack. Steps set it. Without it, `index` counts the planes of the stack.

    Returns
    -------
    ndarray, shape (Y, X)
        The plane, with the dtype of `stack`.

    Raises
    ------
    ValueError
        The stack lacks the plane, there is no such value, or the stack has more than one leading axis.

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
    place = index if unit is None else _place(unit, index, value)
    if not -len(stack) <= place < len(stack):
        raise ValueError(f"index={index}: the stack has {len(stack)} planes, from 0 to {len(stack) - 1}.")
    # A copy, so that the other planes can be freed.
    return np.array(stack[place])


def _place(unit: UnitInfo, index: int, value: str) -> int:
    """Return the place in a stack of the value that `select` is asked for.

    Raises
    ------
    ValueError
        There is no such value in the dataset, or in the stack.
    """
    component = unit.axes[0]
    known, there = unit.components[component], unit.values[component]
    if value:
        named = [key for key, name in unit.channel_names.items() if component == "channel" and name == value]
        wanted = normalize_value(component, value)
        if wanted not in known and len(named) == 1:
            wanted = named[0]
        if wanted not in known:
            raise ValueError(f"value={value!r}: the dataset has {component} {quote_names(known)}.")
    else:
        counted = [key for key in known if not is_projection(component, key)]
        if not -len(counted) <= index < len(counted):
            raise ValueError(
                f"index={index}: the dataset has {len(counted)} values of {component}, from 0 to {len(counted) - 1}."
            )
        wanted = counted[index]
    if wanted not in there:
        raise ValueError(f"the stack lacks {component} {wanted}: it has {join_names(there)}.")
    return there.index(wanted)
