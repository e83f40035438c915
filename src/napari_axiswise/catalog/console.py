"""Offers of functions that are marked with `step` in a console, a notebook or a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from ..core.kinds import KINDS
from ..pipeline.docstrings import first_paragraph
from ..pipeline.step import StepFunction
from .offer import Offer

SOURCE = "Console"

FunctionT = TypeVar("FunctionT", bound=StepFunction)

_offers: dict[str, Offer] = {}
"""Offers of this process, by name."""


@overload
def step(function: FunctionT, /) -> FunctionT: ...


@overload
def step(*, name: str = "", output: str | None = None) -> Callable[[FunctionT], FunctionT]: ...


def step(
    function: FunctionT | None = None, /, *, name: str = "", output: str | None = None
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Decorate a function to offer it as a step. The function itself is unchanged.

    Functions defined in a console are sent to worker processes by value. A function replaces an earlier one of the
    same name, so a notebook cell can be run again.

    Parameters
    ----------
    function : callable
        Takes one array per input and keyword arguments with defaults. Arrays have shape (Y, X), with a leading axis
        for each component that is processed together. Returns an array, points of shape (N, 2), or a table.
    name : str, optional
        Name in the list of steps. By default, the name of the function.
    output : {"image", "labels", "points", "table"}, optional
        Kind of its output. By default, read from its return annotation or docstring, else ``"image"``.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    ValueError
        `output` is unknown.

    Examples
    --------
    >>> import napari_axiswise as aw
    >>> @aw.step(output="labels")
    ... def bright(image, limit: int = 100):
    ...     return image > limit
    >>> aw.find_functions("bright")[0].kind
    'labels'
    >>> aw.Step(bright).kind
    'labels'
    """
    if output is not None and output not in KINDS:
        raise ValueError(f"output={output!r}: use one of {', '.join(KINDS)}.")

    def offer(function: FunctionT) -> FunctionT:
        if output is not None:
            function.step_output = output  # type: ignore[attr-defined]
        title = name or getattr(function, "__name__", type(function).__name__)
        path = f"{function.__module__}:{getattr(function, '__qualname__', title)}"
        description = first_paragraph(function.__doc__ or "")
        _offers[title] = Offer(path, title, SOURCE, description, lambda: function)
        return function

    return offer if function is None else offer(function)


def console_offers() -> list[Offer]:
    """Return an offer for each function marked with `step`, the latest first."""
    return list(reversed(_offers.values()))


def clear_console_offers() -> None:
    """Remove all offers of this process; used by tests."""
    _offers.clear()
