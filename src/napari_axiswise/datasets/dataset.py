"""Dataset: a table of planes and their metadata, without pixels."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from itertools import accumulate, pairwise, product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.axes import Axis, axis_name, axis_parts, unknown_component
from ..core.calibration import Calibration
from ..core.components import ComponentConfiguration, component_name, normalize_value
from ..core.generators import exhaust
from ..core.text import join_names
from ..layouts.problem import Problem
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import LABELS, RAW
from ..planes.scratch import Scratch
from ..planes.table import Planes

if TYPE_CHECKING:
    import pandas as pd

    from .report import Report


PageAxes = Sequence[str] | Mapping[str, int]
"""Components of the axes before Y and X. Lengths are needed where one axis holds several components."""


class ArrayLike(Protocol):
    """An n-dimensional array: numpy, dask, zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> Any:
        """Type of a pixel."""

    def __getitem__(self, key: Any, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table of planes with their metadata, as `open_dataset` returns it.

    Parameters
    ----------
    layout : str
        Name of the layout: ``"imagexpress"``, ``"filenames"``, ``"tiff"``, ``"layer"``.
    index : Planes
        The table of planes.
    shape : tuple of int
        (Y, X) of most planes.
    dtype : numpy.dtype
        Type of a pixel of most planes.
    calibration : Calibration
        Pixel size, channel names and other metadata of the microscope.
    problems : tuple of Problem
        Files that were skipped, with the reasons.
    array : ArrayLike, optional
        The pixels of a dataset in memory.
    reopen : callable, optional
        Opens the same source again, to find changes.
    opened : str, optional
        Absolute path or address that was opened; None for a dataset in memory.
    pattern : str, optional
        The file name pattern that it was opened with, or that was inferred from the names.
    axes : sequence of str, or mapping from str to int, optional
        The axes that it was opened with.
    scratch : Scratch, optional
        Temporary folder of a copy on disk, deleted with the dataset.

    Examples
    --------
    >>> dataset = aw.open_dataset("sample-plate")
    >>> dataset.read(well="B02", site="1", timepoint="1").shape
    (96, 96)
    >>> dataset.planes[["well", "site", "timepoint"]].drop_duplicates().shape
    (8, 3)
    """

    layout: str
    index: Planes
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    calibration: Calibration = field(default_factory=Calibration)
    problems: tuple[Problem, ...] = ()
    array: ArrayLike | None = None
    reopen: Callable[[], Dataset] | None = None
    opened: str | None = None
    pattern: str | None = None
    axes: PageAxes | None = None
    scratch: Scratch | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(values)}" for name, values in self.components.items())
        problems = f", {len(self.problems)} problems" if self.problems else ""
        return f"<Dataset {self.layout!r} at {self.source}: {len(self.index)} planes; {counts}{problems}>"

    def __len__(self) -> int:
        return len(self.index)

    @property
    def source(self) -> str:
        """The folder or file that the planes are in."""
        return self.index.root

    @property
    def components(self) -> dict[str, tuple[str, ...]]:
        """Every component of the dataset, with its values in natural order."""
        return dict(self.index.components)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of label images stored with the planes. Steps use them as inputs: ``"labels/nuclei"``."""
        return tuple(self.index.reader.labels)

    @property
    def inputs(self) -> tuple[str, ...]:
        """What steps can use as inputs: ``"raw"``, unless there are labels only, and ``"labels/nuclei"``, …."""
        raw = (RAW,) if self.index.reader.has_images else ()
        return (*raw, *(LABELS + name for name in self.labels))

    def check(self, pipeline: Pipeline, axis: str) -> None:
        """Check that a configured pipeline can run on this dataset; see `Pipeline.check`."""
        pipeline.check(self.components, axis, self.inputs, self.index.reader.made_of)

    @property
    def pixel_size(self) -> tuple[float, float] | None:
        """(Y, X) size of a pixel in `unit`, or None if unknown."""
        return self.calibration.pixel_size

    @property
    def unit(self) -> str:
        """Unit of lengths; ``"pixel"`` if unknown."""
        return self.calibration.unit

    @property
    def channel_names(self) -> Mapping[str, str]:
        """Names of channels by channel value, where the metadata has them."""
        return self.calibration.channel_names

    @cached_property
    def planes(self) -> pd.DataFrame:
        """Table of planes: a row per plane, a column per component, and its file's ``path`` and ``page``."""
        import pandas as pd

        index = self.index
        columns: dict[str, Any] = {
            name: pd.Categorical.from_codes(index.column(name), categories=pd.Index(values), ordered=True)
            for name, values in index.components.items()
        }
        # A component named "path" or "page" keeps its name; the file's column is renamed.
        path, page = (name if name not in columns else f"file_{name}" for name in ("path", "page"))
        columns[path] = pd.Categorical.from_codes(
            index.file_codes, categories=pd.Index(np.array(index.files, dtype=object))
        )
        columns[page] = index.pages
        return pd.DataFrame(columns)

    def configuration(
        self, axis: Axis, variable: Sequence[str] | str = (), group_by: str | None = None
    ) -> ComponentConfiguration[Any]:
        """Return a configuration of the components of this dataset.

        Parameters
        ----------
        axis : str, or sequence of str
            The multiprocessing axis. Several components make a product, which is a member of the Enum with the
            value ``"well,timepoint"``.
        variable : str or sequence of str
            Components that are processed together, as leading axes of one array; empty for plane by plane.
        group_by : str, optional
            Component whose value selects the function of a step; None for no grouping.

        Raises
        ------
        ValueError
            The dataset has no such component, or the combination is not valid.
        """
        upper = [name.upper() for name in self.components]
        labels = upper if len(set(upper)) == len(upper) else list(self.components)
        parts = axis_parts(axis_name(axis), self.components)
        members = dict(zip(labels, self.components, strict=True))
        if len(parts) > 1:
            members[axis_name([part.upper() for part in parts])] = axis_name(parts)
        found = Enum("DatasetComponents", members)  # type: ignore[misc]

        def member(name: str | Enum) -> Any:
            name = component_name(name) if isinstance(name, Enum) else name
            if name not in self.components:
                raise unknown_component(name, self.components)
            return found(name)

        variable = (variable,) if isinstance(variable, (str, Enum)) else tuple(variable)
        defaults = tuple(member(name) for name in variable), None if group_by is None else member(group_by)
        if len(parts) > 1:
            _check_product(parts, *defaults)
        return ComponentConfiguration(tuple(found), found(axis_name(parts)), *defaults)

    def find(self, **components: str) -> int:
        """Return the row of the plane with these component values.

        Components that have only one value may be left out.

        Raises
        ------
        ValueError
            A component is unknown, or more than one plane matches.
        KeyError
            A component does not have the value, or no plane matches.
        """
        codes: dict[str, int] = {name: 0 for name, values in self.components.items() if len(values) == 1}
        for name, wanted in components.items():
            if name not in self.components:
                raise ValueError(
                    f"This dataset has no component {name!r}. Its components are {', '.join(self.components)}."
                )
            value, values = normalize_value(name, str(wanted)), self.components[name]
            if value not in values:
                raise KeyError(f"There is no {name} {value!r}. Its values are {join_names(values)}.")
            codes[name] = values.index(value)
        if len(codes) == len(self.components):
            row = self.index.row([codes[name] for name in self.components])
            if row is not None:
                return row
        rows = np.ones(len(self.index), dtype=bool)
        for name, code in codes.items():
            rows &= self.index.column(name) == code
        found = np.flatnonzero(rows)
        query = ", ".join(f"{name}={value}" for name, value in components.items())
        if not len(found):
            raise KeyError(f"There is no plane with {query}.")
        if len(found) > 1:
            missing = [
                name for name, values in self.components.items() if len(values) > 1 and name not in components
            ]
            raise ValueError(
                f"{len(found)} planes match {query or 'no component value'}. Give {', '.join(missing)} as well."
            )
        return int(found[0])

    def read(self, **components: str) -> NDArray[Any]:
        """Read the pixels of one plane, shape (Y, X).

        Parameters
        ----------
        **components : str
            The value of each component. Components that have only one value may be left out.

        Raises
        ------
        ValueError, KeyError
            See `find`.
        PlaneError
            The file cannot be read.
        """
        row = self.find(**components)
        if self.array is not None:
            leading = np.unravel_index(int(self.index.pages[row]), self.array.shape[:-2])
            return np.asarray(self.array[leading])
        return self.index.read(row)

    def report(self) -> Report:
        """Check the dataset for missing planes and damaged or unusual files.

        Reads the sizes of all files and the headers of up to a few thousand.

        Returns
        -------
        Report
            Prints as text. Its tables are `coverage`, `matrix`, `missing` and `problems`.
        """
        from .inspection import Inspection, inspect
        from .report import Report

        inspection = inspect(self.index) if self.array is None else Inspection()
        return Report(
            layout=self.layout,
            index=inspection.readable(self.index),
            shape=self.shape,
            dtype=self.dtype,
            calibration=self.calibration,
            inspection=inspection,
            skipped=self.problems,
        )

    def on_disk(self) -> Dataset:
        """Return a dataset that worker processes can read from disk.

        A dataset of files is returned unchanged. An array in memory is copied, plane by plane, to a temporary
        file that is deleted with the returned dataset.
        """
        return exhaust(self.copying())

    def copying(self) -> Generator[None, None, Dataset]:
        """Copy as `on_disk` does, in steps that the caller can interleave with other work.

        Yields
        ------
        None
            After each plane, or each chunk of a chunked array.

        Returns
        -------
        Dataset
            The value of ``yield from``.
        """
        if self.array is None:
            return self
        scratch = Scratch()
        copy = np.lib.format.open_memmap(
            scratch.path / self.index.files[0], mode="w+", dtype=self.dtype, shape=self.array.shape
        )
        for block in _blocks(self.array):
            copy[block] = np.asarray(self.array[block])
            yield
        copy.flush()
        return replace(self, index=replace(self.index, root=str(scratch.path)), array=None, scratch=scratch)


def _check_product(parts: Sequence[str], variable: Iterable[Enum], group_by: Enum | None) -> None:
    """Raise ValueError if a component of a product axis is also used for something else."""
    roles = [
        *((component, "a variable component") for component in variable),
        *((component, "grouped by") for component in (group_by,) if component is not None),
    ]
    for component, role in roles:
        if component.value in parts:
            raise ValueError(
                f"{component.value!r} is part of the axis {axis_name(parts)!r} and cannot be {role} as well: "
                "each task has only one of its values. Choose another axis, or another component."
            )


def _blocks(array: ArrayLike) -> Iterator[tuple[slice, ...]]:
    """Yield slices of the leading axes that cover the array: its chunks, or single planes."""
    chunks = getattr(array, "chunks", None)
    leading = array.shape[:-2]
    lengths = (
        chunks[: len(leading)]
        if isinstance(chunks, tuple) and chunks and isinstance(chunks[0], tuple)
        else [(1,) * length for length in leading]
    )
    edges = [[0, *accumulate(sizes)] for sizes in lengths]
    yield from product(*([slice(a, b) for a, b in pairwise(edge)] for edge in edges))
