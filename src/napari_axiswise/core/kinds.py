"""The kinds of output that a step can have, and all that tells one kind from another.

A new kind is a subclass of `PlaneKind` or `RowKind`, an instance of it in `KINDS`, and, if it is shown in the viewer,
an entry in ``ui.viewer.kinds.LAYERS``. Recipes and outputs hold its name; everything else gets the object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class OutputKind(ABC):
    """What a step makes: how it is recognised, read from what a function returned, stored and counted.

    There is one instance per class and process. It pickles by its class, and joins `KINDS` where it is unpickled.

    Attributes
    ----------
    name : str
        As in ``Step(output=…)``, recipes and outputs.
    phrase : str
        The name in a sentence: ``"a table"``.
    counted : str
        What is counted in an output, in the singular; empty if nothing is.
    item : str
        What an output is compared by, in the singular: ``"plane"`` or ``"row"``.
    has_planes : bool
        Whether it is stored as planes of pixels, from which a later run can read it; otherwise it is stored as rows.
    has_intensities : bool
        Whether its pixels are intensities, which can be averaged and subtracted, and which a contrast applies to.
    in_table : bool
        Whether its rows are part of `RunResult.table`.
    kept : bool
        Whether steps keep it unless they say otherwise.
    layer : str
        The napari layer that has its data: a function may take and return such a layer. Empty for none.
    other_layers : tuple of str
        Layers that it is read from as well, if a function returns one.
    layer_options : mapping
        Keyword arguments for a layer that is made for a function.
    types : tuple of str
        Names of types that mean it wherever they are in a return annotation.
    containers : tuple of str
        Names of types that mean it if they are outermost.
    documented_type, documented_text : str
        Regular expressions that recognise it in a docstring: in the type of a result, and in the name and description
        of a result that is an array.
    """

    name: ClassVar[str]
    phrase: ClassVar[str]
    counted: ClassVar[str] = ""
    item: ClassVar[str]
    has_planes: ClassVar[bool] = False
    has_intensities: ClassVar[bool] = False
    in_table: ClassVar[bool] = False
    kept: ClassVar[bool] = True
    layer: ClassVar[str] = ""
    other_layers: ClassVar[tuple[str, ...]] = ()
    layer_options: ClassVar[Mapping[str, Any]] = {}
    types: ClassVar[tuple[str, ...]] = ()
    containers: ClassVar[tuple[str, ...]] = ()
    documented_type: ClassVar[str] = ""
    documented_text: ClassVar[str] = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __reduce__(self) -> tuple[Callable[..., OutputKind], tuple[type[OutputKind]]]:
        return _registered, (type(self),)

    def accepts_layer(self, layer: str) -> bool:
        """Whether it is read from a layer of this type: ``"labels"``."""
        return layer in map(str.casefold, filter(None, (self.layer, *self.other_layers)))


class PlaneKind(OutputKind):
    """An output of planes, each of shape (Y, X), stored as chunks of OME-Zarr.

    Planes with intensities are images. Others have object numbers, and are stored as labels of an image.

    Attributes
    ----------
    dtypes : str
        The kinds of numpy types that a function may return.
    numbers : str
        These types, in words.
    """

    item = "plane"
    has_planes = True
    dtypes: ClassVar[str]
    numbers: ClassVar[str]

    def read(self, returned: Any) -> NDArray[Any]:
        """Return what a function returned as an array of pixels that can be stored.

        Raises
        ------
        TypeError, ValueError
            It has no such pixels. The message says what to return.
        """
        array = np.asarray(returned)
        if array.dtype == object and array.ndim == 0 and array[()] is None:
            raise TypeError("it returned nothing; let the function end with a return.")
        if array.dtype.kind not in self.dtypes:
            raise TypeError(
                f"it returned {array.dtype} values, and the pixels of {self.phrase} are {self.numbers}. "
                "Convert them, or set output=…."
            )
        if array.dtype.itemsize > (16 if array.dtype.kind == "c" else 8):
            raise TypeError(
                f"it returned {array.dtype} values, which cannot be stored. Convert them to float64."
            )
        return array

    def averages(self, dtype: np.dtype[Any] | str) -> bool:
        """Whether a pixel of a smaller copy is the mean of several; otherwise it is one of them, as in a mask."""
        return self.has_intensities and np.dtype(dtype) != np.bool_

    def labels_name(self, step: str) -> str:
        """Return the name of the labels that a step's planes are stored as; empty for images."""
        return "" if self.has_intensities else step


class RowKind(OutputKind):
    """An output of rows, stored as Arrow and exported as Parquet."""

    item = "row"

    @abstractmethod
    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[Any, pd.DataFrame]:
        """Return what later steps get, and the rows to store.

        Parameters
        ----------
        returned : object
            What the function returned.
        stacked : mapping
            From each component of the input's leading axes to the values along it.
        shape : tuple of int
            Of the input.

        Raises
        ------
        TypeError, ValueError
            It has no such rows. The message says what to return.
        """


class ImageKind(PlaneKind):
    """Pixels of any numeric type."""

    name = "image"
    phrase = "an image"
    has_intensities = True
    kept = False
    layer = "Image"
    layer_options: ClassVar[Mapping[str, Any]] = {"rgb": False}
    types = ("ImageData",)
    dtypes = "biufc"
    numbers = "numbers"


class LabelsKind(PlaneKind):
    """Object numbers, int32 whatever the function returned, so that all of a step fit into one array."""

    name = "labels"
    phrase = "labels"
    counted = "object"
    layer = "Labels"
    # A plugin may show a mask as an image.
    other_layers = ("Image",)
    types = ("LabelsData",)
    documented_text = r"(?i)\b(enlarged_)?labels\b|\blabel(led|ed)? (image|array|matrix)"
    dtypes = "biu"
    numbers = "whole numbers"

    def read(self, returned: Any) -> NDArray[np.int32]:
        """Return labels as int32; see `PlaneKind.read`."""
        array = super().read(returned)
        largest = np.iinfo(np.int32).max
        if array.dtype.kind != "b" and array.dtype.itemsize >= 4 and array.size and array.max() > largest:
            raise ValueError(
                f"it returned the label {array.max()}; labels go up to {largest}. Number them anew."
            )
        return array.astype(np.int32, copy=False)


class PointsKind(RowKind):
    """Positions in pixels: rows with ``y`` and ``x``."""

    name = "points"
    phrase = "points"
    counted = "point"
    layer = "Points"
    types = ("PointsData",)

    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[NDArray[Any], pd.DataFrame]:
        """Return the points as an array, and rows with the component values that they point at."""
        import pandas as pd

        points = np.asarray(returned, dtype=float) if np.size(returned) else np.zeros((0, 2))
        axes = len(stacked)
        if points.ndim != 2 or points.shape[1] not in (2, 2 + axes):
            leading = f", or (N, {2 + axes}) with an index along {', '.join(stacked)} first" if axes else ""
            raise ValueError(f"it returned points of shape {points.shape}. Return (N, 2), y and x{leading}.")
        columns: dict[str, Any] = {}
        if points.shape[1] == 2 + axes:
            for number, (name, values) in enumerate(stacked.items()):
                places = np.round(points[:, number]).astype(int)
                if len(places) and not 0 <= places.min() <= places.max() < len(values):
                    raise ValueError(
                        f"it returned points of shape {points.shape} at {name} {places.min()} to {places.max()} of a "
                        f"stack of shape {shape}. Count from 0 to {len(values) - 1}."
                    )
                columns[name] = [values[place] for place in places]
        return points, pd.DataFrame({**columns, "y": points[:, -2], "x": points[:, -1]})


class TableKind(RowKind):
    """Measurements: a dict of columns, a list of dicts, or a DataFrame."""

    name = "table"
    phrase = "a table"
    counted = "row"
    in_table = True
    types = ("DataFrame",)
    containers = ("dict", "list", "Dict", "List")
    documented_type = r"\b(dict|DataFrame|list of dicts?)\b"

    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[Any, pd.DataFrame]:
        """Return the table as the function returned it, and its rows."""
        return returned, self._rows(returned)

    def _rows(self, returned: Any) -> pd.DataFrame:
        import pandas as pd

        if isinstance(returned, pd.DataFrame):
            return returned
        if isinstance(returned, Mapping):
            scalars = all(np.ndim(column) == 0 for column in returned.values())
            return pd.DataFrame([dict(returned)] if scalars and returned else dict(returned))
        if isinstance(returned, Sequence) and all(isinstance(row, Mapping) for row in returned):
            return pd.DataFrame(list(returned))
        raise TypeError(
            f"it returned {type(returned).__name__}, and a table is a dict of columns, a list of dicts or a DataFrame."
        )


IMAGE = ImageKind()
"""The kind of the dataset's own planes, and of steps whose kind is not stated anywhere."""

KINDS: dict[str, OutputKind] = {kind.name: kind for kind in (IMAGE, LabelsKind(), PointsKind(), TableKind())}
"""All kinds, by name. Where several would do, the first is used."""


def plane_kind(name: str) -> PlaneKind:
    """Return the kind of planes that a file names.

    Raises
    ------
    ValueError
        There is none of this name.
    """
    kind = KINDS.get(name)
    if not isinstance(kind, PlaneKind):
        raise ValueError(f"{name!r} is not a kind of planes that this version knows.")
    return kind


def kind_of_layer(layer: str) -> OutputKind | None:
    """Return the kind whose data a napari layer has: of ``"Labels"``, labels; None if no kind has it."""
    return next((kind for kind in KINDS.values() if layer and kind.layer == layer), None)


def _registered(kind: type[OutputKind]) -> OutputKind:
    return KINDS.setdefault(kind.name, kind())
