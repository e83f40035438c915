"""The parent's side of the store: metadata, and reading."""

from __future__ import annotations

import logging
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import zarr
from numpy.typing import NDArray

from ..calibration import POSITION_COMPONENTS, Calibration
from ..components import normalize_value
from ..failures import PlaneError
from .grid import IMAGE_AXES, ImageGrid
from .ledger import LEDGER, RUN
from .metadata import array_metadata, image_attributes, name_channels, write_group, write_plate
from .records import TaskOutput, WrittenPlanes, WrittenTable
from .tables import TABLES, read_table
from .writer import PARTIAL, write_atomically

if TYPE_CHECKING:
    import pandas as pd


logger = logging.getLogger(__name__)

Mode = Literal["new", "resume", "read"]


@dataclass
class StepOutput:
    """What is known of the planes of one step.

    Parameters
    ----------
    grid : ImageGrid
        Where they lie.
    written : ndarray of int16, one axis per component of the output
        Which planes there are: 0 for none, otherwise one more than the index of its shape in `shapes`.
    shapes : list of tuple of int
        (Y, X) of the planes.
    dtypes : dict
        From image to the dtype of its planes.
    limits : tuple of float
        Lowest and highest value to show, over all planes so far.
    """

    grid: ImageGrid
    written: NDArray[np.int16]
    shapes: list[tuple[int, int]] = field(default_factory=list)
    dtypes: dict[str, str] = field(default_factory=dict)
    limits: tuple[float, float] = (float("inf"), float("-inf"))


_LABELS = "int32"
"""The type that labels are stored as, and images hardly ever."""


class Scratch:
    """A folder for results that nobody wants to keep: it goes when the last store that has it does."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="napari-axiswise-"))
        weakref.finalize(self, _discard, self.path)


class ResultStore:
    """The output of one run: an OME-Zarr image collection per kept step, and tables.

    Parameters
    ----------
    output : path, optional
        A folder that is empty or does not exist. Left out, a scratch folder that goes when the store does.
    components : mapping
        From component name to all its values in the dataset.
    plane_shape : tuple of int
        (Y, X) of the dataset's planes.
    calibration : Calibration, optional
        Of the dataset.
    mode : {"new", "resume", "read"}
        The folder is to be empty; it may hold a run that is to go on; it holds one that is only looked at.

    Raises
    ------
    FileExistsError
        The folder holds something already, or something else than a run.
    OSError
        The folder cannot be made or written to.
    """

    def __init__(
        self,
        output: str | Path | None,
        components: Mapping[str, tuple[str, ...]],
        plane_shape: tuple[int, int],
        calibration: Calibration | None = None,
        mode: Mode = "new",
    ) -> None:
        self.components = dict(components)
        self.plane_shape = plane_shape
        self.calibration = calibration or Calibration()
        self._mode = mode
        self.scratch = Scratch() if output is None else None
        self.root = _prepare(self.scratch.path if self.scratch is not None else Path(output or ""), mode)
        self.steps: dict[str, StepOutput] = {}
        self._tables: dict[str, Sequence[WrittenTable]] = {}
        self._array_metadata: dict[tuple[Any, ...], bytes] = {}
        self._last_table: dict[str, tuple[tuple[WrittenTable, ...], pd.DataFrame]] = {}
        if mode != "read":
            known = {"components": self.components, "calibration": self.calibration.to_json()}
            write_group(self.root, {"napari_axiswise": known})

    @property
    def tables(self) -> list[WrittenTable]:
        """Where the rows of all tables and points are."""
        return [table for tables in self._tables.values() for table in tables]

    def add(self, output: TaskOutput) -> None:
        """Take note of what a task wrote, all of it, and write the metadata of images that are new.

        Raises
        ------
        ValueError
            A step's output has other components, or another dtype, than it had before. What fits is noted
            all the same.
        """
        self._tables[output.axis_value] = output.tables
        misfits = []
        for planes in output.planes:
            try:
                self._add_planes(planes)
            except ValueError as error:
                misfits.append(str(error))
        if misfits:
            raise ValueError(" ".join(misfits))

    def _add_planes(self, planes: WrittenPlanes) -> None:
        step = self.steps.get(planes.step)
        if step is None:
            grid = ImageGrid(self.components, planes.names, planes.routed_by, self.plane_shape)
            step = StepOutput(grid, np.zeros(grid.lengths(grid.names), dtype=np.int16))
            self.steps[planes.step] = step
        if step.grid.names != planes.names:
            raise ValueError(
                f"Step {planes.step!r} gave outputs over {', '.join(planes.names)} here and over "
                f"{', '.join(step.grid.names)} elsewhere. Let it return planes of the same axes for every unit."
            )
        if planes.shape not in step.shapes:
            step.shapes.append(planes.shape)
        misfits = []
        for codes in planes.codes.tolist():
            image = step.grid.image(codes, planes.shape)
            if image not in step.dtypes:
                self._write_image(planes, step.grid, image, codes)
                step.dtypes[image] = planes.dtype
            if step.dtypes[image] == planes.dtype:
                step.written[tuple(codes)] = step.shapes.index(planes.shape) + 1
            else:
                misfits.append((codes, step.dtypes[image]))
        step.limits = min(step.limits[0], planes.limits[0]), max(step.limits[1], planes.limits[1])
        if misfits:
            codes, dtype = misfits[0]
            raise ValueError(
                f"Step {planes.step!r} gave {planes.dtype} for {self._plane_name(step.grid, codes)}, but {dtype} for "
                f"other planes of the same image ({len(misfits)} planes). Let it return one dtype for all planes."
            )

    def _plane_name(self, grid: ImageGrid, codes: Sequence[int]) -> str:
        return ", ".join(f"{n}={self.components[n][c]}" for n, c in zip(grid.names, codes, strict=True))

    def _write_image(self, planes: WrittenPlanes, grid: ImageGrid, image: str, codes: Sequence[int]) -> None:
        array = self.root / planes.step / image / "0"
        if (array / "zarr.json").exists():
            return
        try:
            array.mkdir(parents=True, exist_ok=True)
            values = {name: self.components[name][code] for name, code in zip(grid.names, codes, strict=True)}
            where = tuple(values.get(name, "") for name in POSITION_COMPONENTS)
            position = self.calibration.positions.get((where[0], where[1]))
            write_group(
                array.parent,
                image_attributes(f"{planes.step} {image}", grid.axes, self.calibration, position),
            )
            write_atomically(array / "zarr.json", self._describe_array(grid, planes))
        except OSError:
            # A run that was killed may lack them; where it is only looked at, they cannot always be added.
            if self._mode != "read":
                raise

    def _describe_array(self, grid: ImageGrid, planes: WrittenPlanes) -> bytes:
        """Return the metadata of the arrays of a step's images, which are all the same."""
        key = (grid.axes, planes.shape, planes.dtype)
        if key not in self._array_metadata:
            self._array_metadata[key] = array_metadata(
                [IMAGE_AXES[axis] for axis in grid.axes], grid.lengths(grid.axes), planes.shape, planes.dtype
            )
        return self._array_metadata[key]

    def clear_partial(self) -> None:
        """Delete the files that were not whole when their worker ended."""
        for path in self.root.rglob(f".*{PARTIAL}"):
            path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Write what takes all tasks: which images and wells there are, and the tables as files for other programs."""
        for name in dict.fromkeys(table.step for table in self.tables):
            self._export_table(name)
        for name, step in self.steps.items():
            self._name_channels(name, step)
            if step.grid.has_wells and step.dtypes:
                write_plate(self.root / name, name, step.dtypes)
            else:
                write_group(self.root / name, {"napari_axiswise": {"fields": step.grid.fields}})

    def _name_channels(self, name: str, step: StepOutput) -> None:
        known = self.calibration.channel_names
        if not known or "channel" not in step.grid.axes or not np.isfinite(step.limits).all():
            return
        names = [known.get(value, value) for value in self.components["channel"]]
        for image, dtype in step.dtypes.items():
            if dtype != _LABELS:
                name_channels(self.root / name / image, names, step.limits)

    def _export_table(self, step: str) -> None:
        (self.root / TABLES).mkdir(exist_ok=True)
        try:
            data = self.table(step).to_parquet(index=False)
        except (TypeError, ValueError) as error:
            logger.warning(
                "The table of step %r is not written as Parquet, as units gave values of different types: %s. "
                "Its rows can be read as the run's result.", step, error,
            )  # fmt: skip
            return
        write_atomically(self.root / TABLES / f"{step}.parquet", data)

    def codes(self, step: str, values: Mapping[str, str]) -> tuple[int, ...]:
        """Return the indices of a plane's component values.

        Parameters
        ----------
        step : str
            A kept step that made images or labels.
        values : mapping
            A value per component; components with one value, and those that the output does not have, may
            be left out.

        Raises
        ------
        KeyError
            No such step, or a value that is not in the dataset.
        ValueError
            A component that is not in the dataset, or one that is missing.
        """
        if step not in self.steps:
            raise KeyError(
                f"No planes of a step {step!r} were written; there are {', '.join(self.steps) or 'none'}."
            )
        values = {name: normalize_value(name, str(value)) for name, value in values.items()}
        for name, value in values.items():
            if name not in self.components:
                raise ValueError(
                    f"{name!r} is no component of this run; it has {', '.join(self.components)}."
                )
            if value not in self.components[name]:
                raise KeyError(f"No {name} {value!r}; there are {', '.join(self.components[name])}.")
        names = self.steps[step].grid.names
        missing = [name for name in names if name not in values and len(self.components[name]) > 1]
        if missing:
            raise ValueError(f"Say which {', '.join(missing)} of step {step!r} to read.")
        return tuple(self.components[name].index(values[name]) if name in values else 0 for name in names)

    def read(self, step: str, codes: Sequence[int]) -> NDArray[Any]:
        """Return one plane of a step's output, shape (Y, X).

        Raises
        ------
        KeyError
            It was not written.
        PlaneError
            It was, and cannot be read.
        """
        output = self.steps[step]
        known = int(output.written[tuple(codes)])
        if not known:
            raise KeyError(
                f"There is no {step!r} of {self._plane_name(output.grid, codes)}: it was not written."
            )
        group = self.root / step / output.grid.image(codes, output.shapes[known - 1]) / "0"
        try:
            return np.asarray(_open_array(str(group))[output.grid.position(codes)])
        except Exception as error:
            raise PlaneError(f"{group} cannot be read ({type(error).__name__}: {error}).") from error

    def table(self, step: str, tables: Sequence[WrittenTable] | None = None) -> pd.DataFrame:
        """Return the rows of a step's table or points, in the natural order of their components.

        Parameters
        ----------
        step : str
            The step.
        tables : sequence of WrittenTable, optional
            Only from these; left out, from all that were written.
        """
        chosen = [table for table in (self.tables if tables is None else tables) if table.step == step]
        key = tuple(chosen)
        if step not in self._last_table or self._last_table[step][0] != key:
            self._last_table[step] = key, read_table(self.root, chosen, self.components)
        return self._last_table[step][1].copy(deep=False)


def _discard(scratch: Path) -> None:
    """Delete a scratch folder, in one go for whoever may still write to it."""
    gone = scratch.with_name(f"{scratch.name}.gone")
    with suppress(OSError):
        scratch.rename(gone)
    rmtree(gone, ignore_errors=True)


def is_run(folder: Path) -> bool:
    """Return whether a folder is the output of a run, be it one that has hardly begun."""
    beginning = {"zarr.json", LEDGER}
    return (folder / LEDGER / RUN).is_file() or {path.name for path in folder.iterdir()} <= beginning


@lru_cache(maxsize=64)
def _open_array(path: str) -> Any:
    return zarr.open_array(path, mode="r")


def _prepare(output: Path, mode: Mode) -> Path:
    """Return the folder to write to, made if need be; empty, or with a run that is to go on."""
    path = output.expanduser().resolve()
    if mode == "read":
        return path
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()) and not (mode == "resume" and is_run(path)):
            if is_run(path):
                advice = "It holds a run: resume that, or choose another folder"
            else:
                advice = "Choose another, or delete what is in it first"
            raise FileExistsError(f"The output folder {path} is not empty. {advice}.")
        with tempfile.TemporaryFile(dir=path):
            pass
    except FileExistsError as error:
        if path.is_dir():
            raise
        raise NotADirectoryError(f"The output folder {path} is a file. Choose another.") from error
    except OSError as error:
        raise type(error)(
            f"The output folder {path} cannot be written to ({error.strerror or error}). "
            "Choose another, or change its permissions."
        ) from error
    return path
