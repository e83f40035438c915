"""Units: the inputs and the result of one call of a step's function.

A *unit* is all planes of a task that agree on every component that the step does not stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.components import is_projection
from ..core.kinds import OutputKind, PlaneKind, RowKind
from ..core.text import join_names
from ..planes.table import Planes
from ..results.tables import with_components

if TYPE_CHECKING:
    import pandas as pd

Codes = tuple[int, ...]
"""Indices of component values."""


class Unavailable(Exception):
    """An input of a unit is missing because the step that makes it failed, or leaves projections out."""


@dataclass(frozen=True)
class Unit:
    """One call of a step's function.

    Parameters
    ----------
    components : mapping
        From component name to all its values in the dataset.
    codes : dict
        From each component that is constant in the unit to the index of its value.
    variable : tuple of str
        The components that are stacked.
    """

    components: Mapping[str, tuple[str, ...]]
    codes: Mapping[str, int]
    variable: tuple[str, ...]

    def value(self, name: str | None) -> str | None:
        """Return the unit's value of a component; None if it has several."""
        return None if name is None or name not in self.codes else self.components[name][self.codes[name]]

    @property
    def values(self) -> dict[str, str]:
        """The values of the components that are constant in the unit."""
        return {name: self.components[name][code] for name, code in self.codes.items()}

    def stacked(self, stack: Stack) -> dict[str, tuple[str, ...]]:
        """Return the values along each leading axis of an input."""
        return {
            name: tuple(self.components[name][code] for code in codes)
            for name, codes in zip(stack.leading, stack.indices, strict=True)
        }

    def describe(self) -> str:
        """Return the unit in words: ``well B02, site 1``."""
        return ", ".join(f"{name} {value}" for name, value in self.values.items()) or "all planes"


@dataclass(eq=False)
class Source:
    """The output of a step so far, by component values.

    Parameters
    ----------
    names : tuple of str
        The components that distinguish its items.
    items : dict
        From codes of `names` to a (Y, X) plane, or to points or a table.
    failed : list of dict
        The units that failed.
    """

    names: tuple[str, ...]
    items: dict[Codes, Any]
    failed: list[Mapping[str, int]] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Add the result of a unit."""
        if self.items and self.names != result.names:
            raise ValueError(
                f"it returned planes over {', '.join(result.names) or 'no component'}, and planes over "
                f"{', '.join(self.names) or 'no component'} for another unit. Return the same axes for every unit."
            )
        self.names = result.names
        self.items.update(result.items)

    def fetch(self, key: Codes) -> Any:
        """Return one item."""
        return self.items[key]

    def clear(self) -> None:
        """Drop all items."""
        self.items.clear()

    @property
    def nbytes(self) -> int:
        """The size of the items that are arrays."""
        return sum(getattr(item, "nbytes", 0) for item in self.items.values())

    def describe(self, key: Codes) -> str:
        """Return the origin of an item, for messages; empty if the run made it."""
        return ""


class RawSource(Source):
    """The dataset's planes of one block, read when they are first needed and kept until `clear`.

    Parameters
    ----------
    planes : Planes
        The planes of the task.
    rows : ndarray of int
        The rows of the block in `planes`.
    labels : str, optional
        The name of the label images to read instead of the planes.
    """

    def __init__(self, planes: Planes, rows: NDArray[np.intp], labels: str | None = None) -> None:
        codes = planes.codes[rows]
        super().__init__(planes.names, dict(zip(map(tuple, codes.tolist()), rows.tolist(), strict=True)))
        self._planes = planes
        self._read = planes.read if labels is None else partial(planes.read_labels, name=labels)
        self._pixels: dict[Codes, NDArray[Any]] = {}

    def fetch(self, key: Codes) -> NDArray[Any]:
        """Return the pixels of a plane; read them the first time."""
        if key not in self._pixels:
            self._pixels[key] = self._read(self.items[key])
        return self._pixels[key]

    def describe(self, key: Codes) -> str:
        """Return the file of a plane."""
        return self._planes.path(self.items[key])

    def clear(self) -> None:
        """Drop the pixels that were read. They are read again when they are needed."""
        self._pixels.clear()

    @property
    def nbytes(self) -> int:
        """The size of the pixels that are held."""
        return sum(pixels.nbytes for pixels in self._pixels.values())


@dataclass(frozen=True, eq=False)
class Stack:
    """One input of a function call.

    Parameters
    ----------
    array : ndarray
        The planes, with a leading axis per stacked component; or points or a table.
    leading : tuple of str
        The components of the leading axes.
    indices : sequence of tuple of int
        For each leading axis, the codes of the values along it.
    """

    array: Any
    leading: tuple[str, ...]
    indices: Sequence[Codes]


@dataclass(frozen=True, eq=False)
class Result:
    """The output of one unit.

    Parameters
    ----------
    names : tuple of str
        The components that distinguish its items.
    items : dict
        From codes of `names` to a (Y, X) plane, or to points or a table.
    frame : DataFrame, optional
        The rows to write, with a column per component; None for planes.
    """

    names: tuple[str, ...]
    items: dict[Codes, Any]
    frame: pd.DataFrame | None = None

    @property
    def planes(self) -> Iterator[tuple[Codes, NDArray[Any]]]:
        """The planes with their codes; empty for points and tables."""
        return iter(()) if self.frame is not None else iter(self.items.items())


def gather(source: Source, name: str, unit: Unit, shared: bool = True) -> Stack:
    """Return one input of a unit, stacked along the variable components that it has.

    Parameters
    ----------
    source : Source
        The output of the step, or the dataset's planes, that the input is taken from.
    name : str
        The name of the input, for messages.
    unit : Unit
        The unit.
    shared : bool
        Whether another call gets the same plane, so that this one gets a copy.

    Raises
    ------
    Unavailable
        The step that makes the input failed.
    ValueError
        The input has a component that the unit lacks, or nothing for this unit; planes are missing from a grid of two
        or more components, or differ in shape or dtype.
    """
    missing_names = [name for name in source.names if name not in unit.variable and name not in unit.codes]
    if missing_names:
        raise ValueError(
            f"input {name!r} has {' and '.join(missing_names)}, which the other inputs lack. "
            f"Stack or project it first (variable={missing_names[0]!r})."
        )
    for failed in source.failed:
        if all(unit.codes.get(component, code) == code for component, code in failed.items()):
            raise Unavailable
    leading = tuple(component for component in unit.variable if component in source.names)
    fixed = {source.names.index(n): unit.codes[n] for n in source.names if n not in unit.variable}
    if not leading:
        key = tuple(fixed[position] for position in range(len(source.names)))
        if key not in source.items:
            raise _absence(source, name, unit)
        item = source.fetch(key)
        # The function may work in place.
        return Stack(item.copy() if shared and isinstance(item, np.ndarray) else item, (), ())
    keys = [key for key in source.items if all(key[position] == code for position, code in fixed.items())]
    if not keys:
        raise _absence(source, name, unit)
    return _stack(source, name, unit, leading, keys)


def _stack(source: Source, name: str, unit: Unit, leading: tuple[str, ...], keys: Sequence[Codes]) -> Stack:
    """Return the planes of an input with leading axes for components; see `gather`."""
    positions = [source.names.index(component) for component in leading]
    indices = [
        _stacked(unit.components[component], component, {key[position] for key in keys})
        for component, position in zip(leading, positions, strict=True)
    ]
    by_position = {tuple(key[position] for position in positions): key for key in keys}
    missing = [grid for grid in product(*indices) if grid not in by_position]
    if missing:
        lacking = [
            ", ".join(f"{n} {unit.components[n][code]}" for n, code in zip(leading, grid, strict=True))
            for grid in missing
        ]
        raise ValueError(
            f"input {name!r} cannot be stacked over {' and '.join(leading)}: {unit.describe()} has no plane "
            f"for {join_names(lacking, separator='; ')}. "
            "Add the missing planes, or stack one component only."
        )
    ordered = [by_position[grid] for grid in product(*indices)]
    planes = [source.fetch(key) for key in ordered]
    if not all(isinstance(plane, np.ndarray) and plane.ndim == 2 for plane in planes):
        raise ValueError(
            f"input {name!r} has no planes, and cannot be stacked over {' and '.join(leading)}. "
            "Set variable=() for this step."
        )
    for key, plane in zip(ordered, planes, strict=True):
        if plane.shape != planes[0].shape or plane.dtype != planes[0].dtype:
            first, other = source.describe(ordered[0]), source.describe(key)
            raise ValueError(
                f"input {name!r} cannot be stacked: {other or 'a plane'} has shape {plane.shape} {plane.dtype}, "
                f"{first or 'the first'} has {planes[0].shape} {planes[0].dtype}. "
                "Move the plane that differs out of the folder, or run plane by plane (variable=())."
            )
    array = np.stack(planes).reshape(*map(len, indices), *planes[0].shape)
    return Stack(array, leading, indices)


def _absence(source: Source, name: str, unit: Unit) -> Exception:
    """Return the error of an input that has nothing for a unit.

    A step that stacked z-slices has no output for the projection beside them, so neither have the steps after it.
    """
    z_index = unit.value("z_index")
    is_ours = "z_index" in source.names and not isinstance(source, RawSource)
    if is_ours and z_index is not None and is_projection("z_index", z_index):
        place, values = source.names.index("z_index"), unit.components["z_index"]
        if not any(is_projection("z_index", values[key[place]]) for key in source.items):
            return Unavailable()
    return ValueError(f"input {name!r} has nothing for {unit.describe()}.")


def _stacked(values: Sequence[str], component: str, codes: AbstractSet[int]) -> Codes:
    """Return the codes to stack, in order: those of z-slices without projections, or a projection alone."""
    slices = {code for code in codes if not is_projection(component, values[code])}
    if not slices and len(codes) > 1:
        raise ValueError(
            f"{join_names([values[code] for code in sorted(codes)])} are projections, which are not stacked. "
            f"Run the step without {component!r} in variable, or select one of them."
        )
    return tuple(sorted(slices or codes))


def widest(inputs: Sequence[Stack]) -> Stack:
    """Return the input with the most leading axes, which determines those of the output."""
    return max(inputs, key=lambda stack: len(stack.leading))


def check_aligned(stacks: Mapping[str, Stack], unit: Unit) -> None:
    """Check that inputs that are stacked over the same component have the same values of it.

    Parameters
    ----------
    stacks : mapping
        The inputs of a unit, by name.
    unit : Unit
        The unit.

    Raises
    ------
    ValueError
        A value is missing in one of them.
    """
    values = {name: unit.stacked(stack) for name, stack in stacks.items()}
    for component in unit.variable:
        having = {name: own[component] for name, own in values.items() if component in own}
        for name, own in having.items():
            for other, others in having.items():
                missing = [value for value in others if value not in own]
                if missing:
                    raise ValueError(
                        f"input {name!r} lacks {component} {join_names(missing)}, which input {other!r} has, so that "
                        f"they cannot be put side by side for {unit.describe()}. Add what is missing, or leave it out "
                        "of both."
                    )


def read_result(returned: Any, kind: OutputKind, inputs: Sequence[Stack], unit: Unit) -> Result:
    """Turn what a function returned into planes or rows.

    Parameters
    ----------
    returned : object
        What the function returned.
    kind : OutputKind
        The step's output.
    inputs : sequence of Stack
        The inputs of the call. The one with the most leading axes determines those of the output.
    unit : Unit
        The unit.

    Raises
    ------
    ValueError, TypeError
        Its shape or type does not fit the step's output. The message says what to return.
    """
    stack = widest(inputs)
    fixed = tuple(unit.codes)
    here = tuple(unit.codes.values())
    if isinstance(kind, RowKind):
        stacked = unit.stacked(stack)
        item, frame = kind.read(returned, stacked, np.shape(stack.array))
        return Result(fixed, {here: item}, with_components(frame, unit.components, unit.values, stacked))
    assert isinstance(kind, PlaneKind)
    array = kind.read(returned)
    lengths = tuple(map(len, stack.indices))
    if array.ndim == 2:
        return Result(*_in_order(unit, fixed, {here: array}))
    if stack.leading and array.ndim == len(lengths) + 2 and array.shape[:-2] == lengths:
        items = {
            (*here, *codes): array[position]
            for position, codes in zip(np.ndindex(*lengths), product(*stack.indices), strict=True)
        }
        return Result(*_in_order(unit, (*fixed, *stack.leading), items))
    input_shape = np.shape(inputs[0].array)
    stacked_shape = f" or {(*lengths, 'Y', 'X')} for planes of their own" if lengths else ""
    raise ValueError(
        f"it returned an array of shape {array.shape} for an input of shape {input_shape}. "
        f"Return (Y, X) for one plane{stacked_shape}; for numbers, set output='table'."
    )


def _in_order(
    unit: Unit, names: tuple[str, ...], items: dict[Codes, Any]
) -> tuple[tuple[str, ...], dict[Codes, Any]]:
    """Return names and items with the components in the dataset's order."""
    ordered = tuple(name for name in unit.components if name in names)
    positions = [names.index(name) for name in ordered]
    return ordered, {tuple(key[position] for position in positions): item for key, item in items.items()}
