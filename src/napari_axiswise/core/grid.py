"""Paths and chunk indices of the planes of a step's output, computed from their component values alone.

::

    [images/<step>/][<row>/<column>/]<field>/<level>/c/<t>/<c>/<z>/0/0                      an image
    [images/<step>/][<row>/<column>/]<field>/labels/<step>/<level>/c/<t>/<c>/<z>/0/0        labels in it

The output is a plate. Without wells it is a collection of images, or a single image. The first step that keeps images
provides the images of this plate, and the labels of all steps are stored in them. Other steps that keep images have
plates of their own, in ``images``.

The axes of an image are OME-Zarr's timepoint, channel and z_index, as far as the step kept them; well and all other
components select the image. Each plane is a chunk, so that two tasks never write the same chunk, whatever the axis.
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
"""Names in OME-Zarr of the components that are axes of an image, in OME-Zarr's order."""

IMAGES = "images"
"""Folder of the plates of all steps that keep images, except the first of them."""

LABELS = "labels"
"""Group of an image that contains its label images."""

OWN = "napari_axiswise"
"""Key of this package's own attributes in the metadata of an output."""

RECIPE = "recipe.toml"
"""File of an output with the recipe of its run."""


@dataclass(frozen=True)
class ImageGrid:
    """Images and chunks of one step's output.

    Parameters
    ----------
    components : mapping
        All values of each component of the dataset.
    names : sequence of str
        The components of the step's output.
    routed_by : str, optional
        The component that selects the step's function. As functions may return different arrays, it selects the
        image and is not an axis.
    plane_shape : tuple of int
        Shape (Y, X) of the dataset's planes. Planes of other shapes are in images of their own, with the shape in
        their names.
    folder : str
        Path of the plate in the output: empty, or ``images/<step>``.
    labels : str
        Name of the label images; empty if the planes are images.
    """

    components: Mapping[str, tuple[str, ...]]
    names: tuple[str, ...]
    routed_by: str | None = None
    plane_shape: tuple[int, int] = (0, 0)
    folder: str = ""
    labels: str = ""

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """Components that are axes of each image, slowest first."""
        return tuple(name for name in IMAGE_AXES if name in self.names and name != self.routed_by)

    @cached_property
    def has_wells(self) -> bool:
        """Whether images are in wells. False if a component ``well`` has values that are not names of wells."""
        return "well" in self.names and all(map(split_well, self.components["well"]))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Components that distinguish the images of a well, or of the whole output if there are no wells."""
        return tuple(name for name in self.names if name in self._all_fields or name == self.routed_by)

    @cached_property
    def _all_fields(self) -> tuple[str, ...]:
        """The `fields` of a step that keeps all components and has a single function."""
        others = (*IMAGE_AXES, "well") if self.has_wells else tuple(IMAGE_AXES)
        return tuple(name for name in self.components if name not in others)

    def lengths(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the number of values of each of these components."""
        return tuple(len(self.components[name]) for name in names)

    def image(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the path of a plane's image in the output; empty if the output is a single image.

        Parameters
        ----------
        codes : sequence of int
            The index of the value of each of `names`.
        shape : tuple of int
            Shape (Y, X) of the plane.
        """
        parts = [self.folder] if self.folder else []
        if self.has_wells:
            parts += split_well(self.components["well"][codes[self.names.index("well")]]) or ()
        field = self._field(codes, shape)
        return "/".join([*parts, field] if field else parts)

    def _field(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the name of an image in its well. OME-Zarr allows letters and digits only."""
        own = [name for name in self._all_fields if name in self.names]
        suffix = ""
        if self.routed_by in self.names and self.routed_by in IMAGE_AXES:
            suffix += self._spell(self.routed_by, codes)
        if shape != self.plane_shape:
            suffix += f"x{shape[0]}x{shape[1]}"
        if own == list(self._all_fields):
            lengths = self.lengths(own)
            if not self.has_wells and math.prod(lengths) == 1 and not suffix:
                return ""
            return f"{int(np.ravel_multi_index(self._pick(codes, own), lengths)) if own else 0}{suffix}"
        # The step removed a component, so the image cannot have the number of a field: a projection over sites, say.
        return ("".join(self._spell(name, codes) for name in own) or "all") + suffix

    def _spell(self, name: str, codes: Sequence[int]) -> str:
        spelled = re.sub("[^0-9A-Za-z]", "", name)
        if not spelled[:1].isalpha():
            spelled = f"component{list(self.components).index(name)}"
        return f"{spelled}{codes[self.names.index(name)]}"

    def array(self, codes: Sequence[int], shape: tuple[int, int]) -> str:
        """Return the path of the group with the resolution levels of a plane; see `image`."""
        parts = (self.image(codes, shape), f"{LABELS}/{self.labels}" if self.labels else "")
        return "/".join(part for part in parts if part)

    def position(self, codes: Sequence[int]) -> tuple[int, ...]:
        """Return the index of a plane along the axes of its image."""
        return self._pick(codes, self.axes)

    def _pick(self, codes: Sequence[int], names: Sequence[str]) -> tuple[int, ...]:
        return tuple(int(codes[self.names.index(name)]) for name in names)
