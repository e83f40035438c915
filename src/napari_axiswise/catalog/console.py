"""Functions that are marked as steps where they are written: in a console, a notebook or a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, overload

from ..core.kinds import KINDS, Kind
from ..pipeline.docstrings import first_paragraph
from ..pipeline.step import StepFunction
from .offer import Offer

SOURCE = "Console"

FunctionT = TypeVar("FunctionT", bound=StepFunction)

_offers: dict[str, Offer] = {}
"""Those of this process, by name: what a decorator has to keep somewhere."""


@overload
def step(function: FunctionT, /) -> FunctionT: ...


@overload
def step(*, name: str = "", output: Kind | None = None) -> Callable[[FunctionT], FunctionT]: ...


def step(
    function: FunctionT | None = None, /, *, name: str = "", output: Kind | None = None
) -> FunctionT | Callable[[FunctionT], FunctionT]:
    """Offer a function as a step, beside all others. A decorator; the function itself stays as it is.

    Functions that are typed into a console reach worker processes by value. One of the same name replaces the one
    before, so a cell can be run again.

    Parameters
    ----------
    function : callable
        Takes an array per input, (Y, X) or with a leading axis per component that the step stacks, and keyword
        arguments with defaults. Returns an array, points of shape (N, 2), or a table.
    name : str, optional
        Under which it is offered. Left out, its own.
    output : {"image", "labels", "points", "table"}, optional
        What it makes. Left out, read from its return annotation or its docstring, else ``"image"``.

    Returns
    -------
    callable
        The function.

    Raises
    ------
    ValueError
        An unknown `output`.

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
        raise ValueError(f"output={output!r} is none of {', '.join(KINDS)}.")

    def offer(function: FunctionT) -> FunctionT:
        if output is not None:
            function.step_output = output  # type: ignore[attr-defined]
        own = name or getattr(function, "__name__", type(function).__name__)
        path = f"{function.__module__}:{getattr(function, '__qualname__', own)}"
        about = first_paragraph(function.__doc__ or "")
        _offers[own] = Offer(path, own, SOURCE, about, lambda: function)
        return function

    return offer if function is None else offer(function)


def console_offers() -> list[Offer]:
    """Return the functions that are marked with `step`, the last first."""
    return list(reversed(_offers.values()))


def forget_console_offers() -> None:
    """Offer none of them any more: for tests."""
    _offers.clear()
