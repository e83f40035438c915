"""Where a plane of a step's output lies, from its component values alone, so that nobody has to be asked.

::

    <step>/<row>/<column>/<field>/0/c/<t>/<c>/<z>/0/0        with wells
    <step>/<field>/0/c/<t>/<c>/<z>/0/0                       without
    <step>/<field>x<Y>x<X>/…                                 for planes of another shape than the dataset's

An image has the axes of OME-Zarr, timepoint, channel and z_index, as far as the step kept them; well and all
other components choose the image. A chunk is a plane, so that two tasks never write the same chunk,
whatever the axis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

IMAGE_AXES = {"timepoint": "t", "channel": "c", "z_index": "z"}
"""The components that are axes of an image, in the order that OME-Zarr wants, and their names there."""

_WELL = re.compile(r"([A-Z]{1,2})([0-9]{2,3})")


@dataclass(frozen=True)
class ImageGrid:
    """The images and chunks of one step's output.

    Parameters
    ----------
    components : mapping
        From component name to all its values in the dataset.
    names : sequence of str
        The components that the step's output has.
    routed_by : str, optional
        The component by which the step chooses its function. Functions differ in what they return, so that
        it chooses the image too, and is no axis of one.
    plane_shape : tuple of int
        (Y, X) of the dataset's planes. Planes of another shape are in images of their own, whose names tell
        their shape.
    """

    components: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]
    routed_by: str | None = None
    plane_shape: tuple[int, int] = (0, 0)

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The components that are axes of each image, slowest first."""
        return tuple(name for name in IMAGE_AXES if name in self.names and name != self.routed_by)

    @cached_property
    def has_wells(self) -> bool:
        """Whether images are in wells; a component called well with other values is not."""
        return "well" in self.names and all(map(_WELL.fullmatch, self.components["well"]))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The components that tell apart the images of a well, or of the whole output."""
        taken = (*self.axes, "well") if self.has_wells else self.axes
        return tuple(name for name in self.names if name not in taken)

    def lengths(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the number of values of some components."""
        return tuple(len(self.components[name]) for name in names)

    def image(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the path of the image of a plane, relative to the step's folder.

        Parameters
        ----------
        codes : sequence of int
            For each of `names`, the index of its value.
        shape : tuple of int
            (Y, X) of the plane.
        """
        field = str(
            int(
                np.ravel_multi_index(self._pick(codes, self.fields), self.lengths(self.fields))
                if self.fields
                else 0
            )
        )
        if shape != self.plane_shape:
            field = f"{field}x{shape[0]}x{shape[1]}"
        if not self.has_wells:
            return field
        row, column = split_well(self.components["well"][codes[self.names.index("well")]])
        return f"{row}/{column}/{field}"

    def position(self, codes: Sequence[int]) -> tuple[int, ...]:
        """Return the index of a plane along the axes of its image."""
        return self._pick(codes, self.axes)

    def _pick(self, codes: Sequence[int], names: Sequence[str]) -> tuple[int, ...]:
        return tuple(int(codes[self.names.index(name)]) for name in names)


def split_well(well: str) -> tuple[str, str]:
    """Return row and column of a well: ``("B", "02")``."""
    match = _WELL.fullmatch(well)
    assert match is not None
    return match[1], match[2]
