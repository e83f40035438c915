"""Where a plane of a step's output lies, from its component values alone, so that nobody has to be asked.

::

    [images/<step>/][<row>/<column>/]<field>/<level>/c/<t>/<c>/<z>/0/0                      an image
    [images/<step>/][<row>/<column>/]<field>/labels/<step>/<level>/c/<t>/<c>/<z>/0/0        labels in it

The output is a plate, or where there are no wells a collection of images, or a single image. Its images are those of
the first step that keeps images; labels of all steps lie in them. Further steps that keep images have a plate each,
below ``images``.

An image has the axes of OME-Zarr, timepoint, channel and z_index, as far as the step kept them; well and all
other components choose the image. A chunk is a plane, so that two tasks never write the same chunk,
whatever the axis.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .wells import split_well

IMAGE_AXES = {"timepoint": "t", "channel": "c", "z_index": "z"}
"""The components that are axes of an image, in the order that OME-Zarr wants, and their names there."""

IMAGES = "images"
"""The folder of the plates of all steps that keep images, but for the first of them."""

LABELS = "labels"
"""The group of an image that its label images are in."""

OWN = "napari_axiswise"
"""The key of the attributes of an output that other readers do not ask for."""


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
    folder : str
        Of the plate, relative to the output: empty, or ``images/<step>``.
    labels : str
        The name of the label images; empty where the planes are the images themselves.
    """

    components: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]
    routed_by: str | None = None
    plane_shape: tuple[int, int] = (0, 0)
    folder: str = ""
    labels: str = ""

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The components that are axes of each image, slowest first."""
        return tuple(name for name in IMAGE_AXES if name in self.names and name != self.routed_by)

    @cached_property
    def has_wells(self) -> bool:
        """Whether images are in wells; a component called well with other values is not."""
        return "well" in self.names and all(map(split_well, self.components["well"]))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The components that tell apart the images of a well, or of the whole output."""
        return tuple(name for name in self.names if name in self._every_field or name == self.routed_by)

    @cached_property
    def _every_field(self) -> tuple[str, ...]:
        """What `fields` would be if the step had kept all components, and were not routed."""
        taken = (*IMAGE_AXES, "well") if self.has_wells else tuple(IMAGE_AXES)
        return tuple(name for name in self.components if name not in taken)

    def lengths(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the number of values of some components."""
        return tuple(len(self.components[name]) for name in names)

    def image(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the path of the image of a plane, relative to the output; empty where that is the image.

        Parameters
        ----------
        codes : sequence of int
            For each of `names`, the index of its value.
        shape : tuple of int
            (Y, X) of the plane.
        """
        parts = [self.folder] if self.folder else []
        if self.has_wells:
            parts += split_well(self.components["well"][codes[self.names.index("well")]]) or ()
        field = self._field(codes, shape)
        return "/".join([*parts, field] if field else parts)

    def _field(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the name of an image in its well: letters and digits, as OME-Zarr wants it."""
        own = [name for name in self._every_field if name in self.names]
        suffix = ""
        if self.routed_by in self.names and self.routed_by in IMAGE_AXES:
            suffix += self._spell(self.routed_by, codes)
        if shape != self.plane_shape:
            suffix += f"x{shape[0]}x{shape[1]}"
        if own == list(self._every_field):
            lengths = self.lengths(own)
            if not self.has_wells and math.prod(lengths) == 1 and not suffix:
                return ""
            return f"{int(np.ravel_multi_index(self._pick(codes, own), lengths)) if own else 0}{suffix}"
        # A projection over sites, say, is no image of one of them.
        return ("".join(self._spell(name, codes) for name in own) or "all") + suffix

    def _spell(self, name: str, codes: Sequence[int]) -> str:
        spelled = re.sub("[^0-9A-Za-z]", "", name)
        if not spelled[:1].isalpha():
            spelled = f"component{list(self.components).index(name)}"
        return f"{spelled}{codes[self.names.index(name)]}"

    def array(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the path of the group that the levels of a plane are in; see `image`."""
        parts = (self.image(codes, shape), f"{LABELS}/{self.labels}" if self.labels else "")
        return "/".join(part for part in parts if part)

    def position(self, codes: Sequence[int]) -> tuple[int, ...]:
        """Return the index of a plane along the axes of its image."""
        return self._pick(codes, self.axes)

    def _pick(self, codes: Sequence[int], names: Sequence[str]) -> tuple[int, ...]:
        return tuple(int(codes[self.names.index(name)]) for name in names)
