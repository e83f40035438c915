"""The parent's side of the store: metadata, and reading."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from shutil import Error as ShutilError
from shutil import copytree, ignore_patterns
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.components import normalize_value
from ..core.errors import PlaneError
from ..core.files import PARTIAL, make_folder, write_atomically
from ..core.grid import IMAGE_AXES, OWN, ImageGrid
from ..core.kinds import PlaneKind, plane_kind
from ..planes.table import Planes
from .ngff.collection import write_collections
from .ngff.levels import level_shapes
from .ngff.metadata import array_metadata, write_group
from .ngff.shards import pack
from .output_folder import Mode, Scratch, prepare_folder, read_attributes
from .records import TaskOutput, WrittenPlanes, WrittenTable
from .run_log.lines import LOCK
from .step_output import STATES, PlaneState, StepOutput, WrittenArray, describe_step
from .tables import TABLES, read_table, with_positions
from .writer import chunk, loose_chunk, read_loose

if TYPE_CHECKING:
    import pandas as pd


logger = logging.getLogger(__name__)


class ResultStore:
    """The output of one run: an OME-Zarr plate or collection of images, and tables.

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
    sharded : bool
        Whether the planes of an image are put into few files once they are there.
    scratch_folder : Path, optional
        Where the scratch folder is made; left out, where the system has such folders.

    Attributes
    ----------
    steps : dict
        From name to `StepOutput`, of steps that have written planes.
    states : dict
        From name of a step to what became of each plane; see `StepOutput.states`. Empty until `finish`.

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
        sharded: bool = False,
        scratch_folder: Path | None = None,
    ) -> None:
        self.components = dict(components)
        self.plane_shape = plane_shape
        self.calibration = calibration or Calibration()
        self.sharded = sharded
        self._mode = mode
        self.scratch = Scratch(scratch_folder) if output is None else None
        self.root = prepare_folder(
            self.scratch.path if self.scratch is not None else Path(output or ""), mode
        )
        self.steps: dict[str, StepOutput] = {}
        self.states: dict[str, NDArray[np.uint8]] = {}
        self._tables: dict[str, Sequence[WrittenTable]] = {}
        self._array_metadata: dict[tuple[Any, ...], bytes] = {}
        self._last_table: dict[str, tuple[tuple[WrittenTable, ...], pd.DataFrame]] = {}
        if mode == "new" or (mode == "resume" and not (self.root / "zarr.json").exists()):
            write_group(self.root, self._own_attributes({}))

    @property
    def tables(self) -> list[WrittenTable]:
        """Where the rows of all tables and points are."""
        return [table for tables in self._tables.values() for table in tables]

    def add(self, output: TaskOutput) -> str:
        """Take note of what a task wrote, all of it, and write the metadata of images that are new.

        Returns
        -------
        str
            What is wrong with planes that have other components, or another dtype, than those of the same image
            before. These are not noted, and not left where they would be read as what they are not.
        """
        self._tables[output.axis_value] = output.tables
        return " ".join(filter(None, map(self._add_planes, output.planes)))

    def _add_planes(self, planes: WrittenPlanes) -> str:
        step = self.steps.get(planes.step)
        if step is None:
            step = StepOutput.of(planes.grid(self.components, self.plane_shape), plane_kind(planes.kind))
            self.steps[planes.step] = step
        if step.grid.names != planes.names:
            return (
                f"Step {planes.step!r} gave outputs over {', '.join(planes.names)} here and over "
                f"{', '.join(step.grid.names)} elsewhere. Let it return planes of the same axes for every unit."
            )
        if planes.shape not in step.shapes:
            step.shapes.append(planes.shape)
        misfits = []
        for codes in planes.codes.tolist():
            path = step.grid.array(codes, planes.shape)
            if path not in step.arrays:
                step.arrays[path] = WrittenArray(tuple(codes), planes.shape, planes.dtype)
                self._write_arrays(step, path)
            if step.arrays[path].dtype == planes.dtype:
                step.written[tuple(codes)] = step.shapes.index(planes.shape) + 1
            else:
                misfits.append((codes, step.arrays[path].dtype))
                self._remove(step.grid, codes, planes.shape)
        step.limits = min(step.limits[0], planes.limits[0]), max(step.limits[1], planes.limits[1])
        if not misfits:
            return ""
        codes, dtype = misfits[0]
        return (
            f"Step {planes.step!r} gave {planes.dtype} for {self._plane_name(step.grid, codes)}, but {dtype} for "
            f"other planes of the same image ({len(misfits)} planes). Let it return one dtype for all planes."
        )

    def _remove(self, grid: ImageGrid, codes: Sequence[int], shape: tuple[int, int]) -> None:
        """Delete a plane, which others would read as one of another type."""
        if self._mode == "read":
            return
        for level in range(len(level_shapes(shape))):
            array = self.root / grid.array(codes, shape) / str(level)
            for path in (chunk(array, grid.position(codes)), loose_chunk(array, grid.position(codes))):
                path.unlink(missing_ok=True)

    def _plane_name(self, grid: ImageGrid, codes: Sequence[int]) -> str:
        return ", ".join(f"{n}={self.components[n][c]}" for n, c in zip(grid.names, codes, strict=True))

    def _write_arrays(self, step: StepOutput, path: str) -> None:
        """Write the metadata of the levels of an image, without which nobody can read its planes."""
        for level, shape in enumerate(level_shapes(step.arrays[path].shape)):
            array = self.root / path / str(level)
            if (array / "zarr.json").exists():
                continue
            try:
                make_folder(str(self.root), array)
                write_atomically(
                    array / "zarr.json", self._describe_array(step.grid, shape, step.arrays[path].dtype)
                )
            except OSError:
                # A run that was killed may lack them; where it is only looked at, they cannot always be added.
                if self._mode != "read":
                    raise

    def _describe_array(self, grid: ImageGrid, shape: tuple[int, int], dtype: str) -> bytes:
        """Return the metadata of the arrays of a step's images, which are all the same."""
        key = (grid.axes, shape, dtype)
        if key not in self._array_metadata:
            axes = [IMAGE_AXES[axis] for axis in grid.axes]
            lengths = grid.lengths(grid.axes)
            self._array_metadata[key] = array_metadata(axes, lengths, shape, dtype, self.sharded)
        return self._array_metadata[key]

    def clear_partial(self) -> None:
        """Delete the files that were not whole when their worker ended."""
        for path in self.root.rglob(f".*{PARTIAL}"):
            path.unlink(missing_ok=True)

    def finish(self, kinds: Mapping[str, PlaneKind], index: Planes, axis: str, over: Collection[str]) -> None:
        """Write what takes all tasks: the metadata of images and plates, and the tables as files for other programs.

        Parameters
        ----------
        kinds : mapping
            From the names of the steps that keep planes, in the order of the pipeline, to what these are.
        index : Planes
            Of the dataset.
        axis : str
            The multiprocessing axis, which may be a product.
        over : collection of str
            The axis values whose tasks have ended of themselves.

        Raises
        ------
        OSError
            It cannot be written.
        """
        make_folder(str(self.root), self.root)
        for name in dict.fromkeys(table.step for table in self.tables):
            self._export_table(name)
        steps = {name: self.steps.setdefault(name, self._nothing(kind)) for name, kind in kinds.items()}
        self.states = {name: step.states(index, axis, over) for name, step in steps.items()}
        pending = STATES.index("pending")
        # Shards are for others; a run that was cancelled is to end at once, and to go on.
        if self.sharded and not any((states == pending).any() for states in self.states.values()):
            for step in steps.values():
                for path, array in step.arrays.items():
                    pack(self.root / path, len(level_shapes(array.shape)))
        write_collections(self.root, steps, self.calibration, self._own_attributes(steps))

    def _nothing(self, kind: PlaneKind) -> StepOutput:
        """Return what is known of a step that has written nothing: all its planes should be there."""
        return StepOutput.of(ImageGrid(self.components, tuple(self.components), None, self.plane_shape), kind)

    def _own_attributes(self, steps: Mapping[str, StepOutput]) -> dict[str, Any]:
        """Return what readers of OME-Zarr do not ask for, and we do: names of values, and what is not there."""
        known = {
            "version": version("napari-axiswise"),
            "components": self.components,
            "plane_shape": self.plane_shape,
            "calibration": self.calibration.to_json(),
            "steps": {name: describe_step(step, self.states[name]) for name, step in steps.items()},
        }
        return {OWN: known}

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

    def write_csv(self) -> list[Path]:
        """Write the tables as CSV files beside those for programs, and return them.

        Raises
        ------
        OSError
            They cannot be written.
        """
        (self.root / TABLES).mkdir(exist_ok=True)
        files = []
        for step in dict.fromkeys(table.step for table in self.tables):
            files.append(self.root / TABLES / f"{step}.csv")
            write_atomically(files[-1], self.table(step).to_csv(index=False).encode())
        return files

    def copy_to(self, folder: Path) -> None:
        """Copy everything to a folder that is empty or does not exist.

        Raises
        ------
        FileExistsError
            There is something in it.
        OSError
            It cannot be written to.
        """
        if folder.expanduser().resolve().is_relative_to(self.root):
            raise FileExistsError(f"{folder} is within the result {self.root}. Choose a folder beside it.")
        target = prepare_folder(folder, "new")
        try:
            copytree(self.root, target, ignore=ignore_patterns(f".*{PARTIAL}", LOCK), dirs_exist_ok=True)
        except ShutilError as error:
            listed = error.args[0]
            raise OSError(f"The result could not be copied to {target}: {listed[0][2]}.") from error

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
        shape = output.shape_of(codes)
        if shape is None:
            raise KeyError(
                f"There is no {step!r} of {self._plane_name(output.grid, codes)}: {self._told_state(step, codes)}."
            )
        array = self.root / output.grid.array(codes, shape) / "0"
        position = output.grid.position(codes)
        try:
            if self.sharded:
                dtype = output.arrays[output.grid.array(codes, shape)].dtype
                loose = read_loose(array, position, shape, dtype)
                if loose is not None:
                    return loose
            return np.asarray(_open_array(str(array), (array / "zarr.json").stat().st_mtime_ns)[position])
        except Exception as error:
            raise PlaneError(f"{array} cannot be read ({type(error).__name__}: {error}).") from error

    def read_states(self) -> None:
        """Take up what an earlier run has noted of planes that are not there; nothing where it noted nothing."""
        try:
            steps = read_attributes(self.root)[OWN]["steps"]
            for name in steps:
                step = self.steps.setdefault(name, self._nothing(plane_kind(steps[name]["kind"])))
                states = np.full(step.written.shape, STATES.index("written"), np.uint8)
                for number, state in enumerate(STATES):
                    for codes in steps[name].get(state, ()):
                        states[tuple(codes)] = number
                self.states[name] = states
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            logger.info("What is not there of %s is not told: %s", self.root, error)

    def state(self, step: str, codes: Sequence[int]) -> PlaneState:
        """Return what became of a plane of a step's output."""
        if self.steps[step].shape_of(codes) is not None:
            return "written"
        return STATES[self.states[step][tuple(codes)]] if step in self.states else "pending"

    def _told_state(self, step: str, codes: Sequence[int]) -> str:
        told = {
            "missing": "it was not written, as the dataset has no such plane",
            "failed": "it was not written, as what should have made it failed",
            "pending": "it was not written",
        }
        return told[self.state(step, codes)]

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
            frame = with_positions(read_table(self.root, chosen, self.components), self.calibration)
            self._last_table[step] = key, frame
        return self._last_table[step][1].copy(deep=False)


@lru_cache(maxsize=64)
def _open_array(path: str, written: int) -> Any:
    return zarr.open_array(path, mode="r")
