"""The kinds of step output, and everything that differs between them.

To add a kind, subclass `PlaneKind` or `RowKind`, add an instance to `KINDS`, and, if the viewer shows it, a layer to
``ui.viewer.kinds.LAYERS``. Recipes and output folders hold the name of a kind; the code passes the object.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


class OutputKind(ABC):
    """A kind of step output: how functions declare it, and how it is read from their results, stored and counted.

    Each class has one instance per process. A pickle holds the class; unpickling registers the kind in `KINDS`.

    Attributes
    ----------
    name : str
        The name in ``Step(output=…)``, recipes and output folders.
    phrase : str
        The name with its article, for messages: ``"a table"``.
    counted : str
        The singular noun for what an output counts: ``"object"``. Empty if nothing is counted.
    item : str
        The singular noun for what is compared between two outputs: ``"plane"`` or ``"row"``.
    has_planes : bool
        Whether outputs are stored as planes of pixels, which a resumed run can read again. Others are stored as rows.
    has_intensities : bool
        Whether pixels are intensities, which can be averaged and subtracted, and have contrast limits.
    in_table : bool
        Whether the rows are part of `RunResult.table`.
    kept : bool
        Whether steps keep the output by default.
    layer : str
        The napari layer type with this data. Functions may take and return such layers. Empty if there is none.
    other_layers : tuple of str
        Other layer types that are accepted from a function.
    layer_options : mapping
        Keyword arguments for layers that are passed to a function.
    types : tuple of str
        Type names that declare this kind anywhere in a return annotation.
    containers : tuple of str
        Type names that declare this kind as the outermost type of a return annotation.
    single : str
        What a function returns, for messages: ``"one array, …"``.
    documented_type, documented_text : str
        Regular expressions for numpydoc: one for the type of a result, one for the name and description of an array.
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
    single: ClassVar[str]
    documented_type: ClassVar[str] = ""
    documented_text: ClassVar[str] = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"

    def __reduce__(self) -> tuple[Callable[..., OutputKind], tuple[type[OutputKind]]]:
        return _registered, (type(self),)

    def accepts_layer(self, layer: str) -> bool:
        """Return whether outputs can be read from a layer of this type: ``"labels"``."""
        return layer in map(str.casefold, filter(None, (self.layer, *self.other_layers)))

    def check_single(self, returned: object) -> None:
        """Check that a function returned one thing, rather than several in a tuple or a list.

        NumPy would join ``(labels, image)`` to a stack of two planes, and ``(ys, xs)`` to two points.

        Raises
        ------
        TypeError
            It is a tuple, or a list of arrays. The message says what to return.
        """
        several = isinstance(returned, tuple) or (
            isinstance(returned, list)
            and any(hasattr(part, "__array__") and np.ndim(part) for part in returned)
        )
        if several:
            raise TypeError(
                f"it returned a {type(returned).__name__} of {len(cast('Sequence[object]', returned))}, and the output "
                f"is {self.phrase}. Return {self.single}."
            )

    def check_unmasked(self, returned: object) -> None:
        """Check that a function did not return an array of which some values are masked, as masks are not stored.

        Raises
        ------
        ValueError
            Some are masked. The message says what to return.
        """
        if np.ma.is_masked(returned):
            raise ValueError(
                f"it returned a masked array, and {self.phrase} cannot have masked values. Return array.filled(…)."
            )


class PlaneKind(OutputKind):
    """A kind of output made of planes, each of shape (Y, X), stored as chunks of OME-Zarr.

    Planes of intensities are stored as images, all others as labels of an image.

    Attributes
    ----------
    dtypes : str
        The codes of the numpy dtype kinds that a function may return.
    numbers : str
        The same in words.
    """

    item = "plane"
    has_planes = True
    single = "one array; join the planes of a stack with numpy.stack"
    dtypes: ClassVar[str]
    numbers: ClassVar[str]

    def read(self, returned: Any) -> NDArray[Any]:
        """Convert what a function returned to an array of pixels that can be stored.

        Raises
        ------
        TypeError, ValueError
            The values do not fit this kind. The message says what to return.
        """
        self.check_single(returned)
        self.check_unmasked(returned)
        if is_frame(returned):
            raise TypeError(
                f"it returned {type(returned).__name__}, and the output is {self.phrase}. Set output='table'."
            )
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
        """Return whether a pixel of a smaller copy is the mean of four. In labels and masks it is one of the four."""
        return self.has_intensities and np.dtype(dtype) != np.bool_

    def labels_name(self, step: str) -> str:
        """Return the name of the label images that a step's planes are stored as; empty for images."""
        return "" if self.has_intensities else step


class RowKind(OutputKind):
    """A kind of output made of rows, stored as Arrow and exported as Parquet."""

    item = "row"

    @abstractmethod
    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[Any, pd.DataFrame]:
        """Convert what a function returned to the input of later steps, and to the rows to store.

        Parameters
        ----------
        returned : object
            What the function returned.
        stacked : mapping
            From each component of the input's leading axes to the values along it.
        shape : tuple of int
            The shape of the input, for messages.

        Raises
        ------
        TypeError, ValueError
            The values do not fit this kind. The message says what to return.
        """


class ImageKind(PlaneKind):
    """Images: pixels of any numeric type."""

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
    """Labels: object numbers, stored as int32 so that all planes of a step fit into one array."""

    name = "labels"
    phrase = "labels"
    counted = "object"
    layer = "Labels"
    # Plugins may return masks as image layers.
    other_layers = ("Image",)
    types = ("LabelsData",)
    documented_text = r"(?i)\b(enlarged_)?labels\b|\blabel(led|ed)? (image|array|matrix)"
    dtypes = "biu"
    numbers = "whole numbers"

    def read(self, returned: Any) -> NDArray[np.int32]:
        """Convert labels to int32; see `PlaneKind.read`."""
        array = super().read(returned)
        limits = np.iinfo(np.int32)
        if array.size and not np.can_cast(array.dtype, np.int32):
            for label in (array.min(), array.max()):
                if not limits.min <= label <= limits.max:
                    raise ValueError(
                        f"it returned the label {label}; labels go from {limits.min} to {limits.max}. Renumber them."
                    )
        return array.astype(np.int32, copy=False)


class PointsKind(RowKind):
    """Points: rows with the position ``y`` and ``x`` in pixels."""

    name = "points"
    phrase = "points"
    counted = "point"
    layer = "Points"
    types = ("PointsData",)
    single = "one array of shape (N, 2): numpy.column_stack((ys, xs))"

    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[NDArray[Any], pd.DataFrame]:
        """Convert points to an array, and to rows with their component values; see `RowKind.read`."""
        import pandas as pd

        self.check_single(returned)
        self.check_unmasked(returned)
        if is_frame(returned):
            raise TypeError(
                f"it returned {type(returned).__name__}, whose columns may be in any order. Return "
                "table[['y', 'x']].to_numpy()."
            )
        if isinstance(returned, (Mapping, AbstractSet)):
            raise TypeError(f"it returned a {type(returned).__name__}. Return {self.single}.")
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
    """Tables of measurements: a dict of columns, a list of dicts, or a DataFrame."""

    name = "table"
    phrase = "a table"
    counted = "row"
    in_table = True
    types = ("DataFrame",)
    containers = ("dict", "list", "Dict", "List")
    single = "a dict of columns, a list of dicts or a DataFrame"
    documented_type = r"\b(dict|DataFrame|list of dicts?)\b"

    def read(
        self, returned: Any, stacked: Mapping[str, Sequence[str]], shape: tuple[int, ...]
    ) -> tuple[Any, pd.DataFrame]:
        """Return the table unchanged, and its rows; see `RowKind.read`."""
        self.check_single(returned)
        frame = self._rows(returned)
        if not all(isinstance(name, str) for name in frame.columns):
            frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
        return returned, frame

    def _rows(self, returned: Any) -> pd.DataFrame:
        import pandas as pd

        if isinstance(returned, pd.DataFrame):
            return index_as_columns(returned)
        if isinstance(returned, Mapping):
            # Lists of unequal length have no shape.
            scalars = not any(isinstance(column, list) or np.ndim(column) for column in returned.values())
            return pd.DataFrame([dict(returned)] if scalars and returned else dict(returned))
        if isinstance(returned, Sequence) and all(isinstance(row, Mapping) for row in returned):
            return pd.DataFrame(list(returned))
        raise TypeError(f"it returned {type(returned).__name__}, and a table is {self.single}.")


IMAGE = ImageKind()
"""The kind of the dataset's own planes, and the default kind of a step."""

KINDS: dict[str, OutputKind] = {kind.name: kind for kind in (IMAGE, LabelsKind(), PointsKind(), TableKind())}
"""All kinds by name. If several match an annotation, the first is used."""


def plane_kind(name: str) -> PlaneKind:
    """Return the kind of planes with this name.

    Raises
    ------
    ValueError
        There is no such kind, or it has rows.
    """
    kind = KINDS.get(name)
    if not isinstance(kind, PlaneKind):
        names = ", ".join(name for name, kind in KINDS.items() if kind.has_planes)
        raise ValueError(f"{name!r} is not a kind of planes. This version has {names}.")
    return kind


def kind_of_layer(layer: str) -> OutputKind | None:
    """Return the kind with the data of a napari layer type, such as ``"Labels"``; None if there is none."""
    return next((kind for kind in KINDS.values() if layer and kind.layer == layer), None)


def is_frame(value: object) -> bool:
    """Return whether an object is a table or a column of a library of tables, which is not imported for that."""
    return hasattr(value, "to_numpy") and not hasattr(value, "dims")  # xarray's arrays have both


def index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its index as columns, unless the index only counts the rows.

    Columns with several levels, as ``groupby().agg()`` makes them, are named ``area_mean``.

    Raises
    ------
    ValueError
        The index has the name of a column with other values.
    """
    import pandas as pd

    if isinstance(frame.columns, pd.MultiIndex):
        names = ["_".join(str(part) for part in name if str(part)) for name in frame.columns]
        frame = frame.set_axis(names, axis=1)
    if isinstance(frame.index, pd.RangeIndex) and frame.index.name is None:
        return frame
    for name in map(str, filter(None, frame.index.names)):
        if name in frame.columns:
            if not (frame[name].to_numpy() == frame.index.get_level_values(name).to_numpy()).all():
                raise ValueError(
                    f"its table has an index and a column {name!r} with other values. Rename one of them."
                )
            frame = frame.drop(columns=name)
    return frame.reset_index()


def _registered(kind: type[OutputKind]) -> OutputKind:
    return KINDS.setdefault(kind.name, kind())
