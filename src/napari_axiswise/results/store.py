"""The store of a run: its metadata, and reading its outputs."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from shutil import Error as ShutilError
from shutil import copytree, ignore_patterns
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.components import normalize_value
from ..core.errors import PlaneError
from ..core.files import PARTIAL, find_links, make_folder, read_regular, write_atomically
from ..core.grid import IMAGE_AXES, OWN, ImageGrid
from ..core.kinds import PlaneKind, plane_kind
from ..core.text import join_names
from ..planes.scratch import Scratch
from ..planes.table import Planes
from .ngff.collection import write_collections
from .ngff.levels import level_shapes
from .ngff.metadata import array_metadata, write_group
from .ngff.shards import pack
from .output_folder import Mode, prepare_folder, read_attributes
from .records import TaskOutput, WrittenPlanes, WrittenTable
from .run_log.lines import LOCK
from .step_output import STATES, PlaneState, StepOutput, WrittenArray, describe_step
from .tables import OutputTables
from .writer import chunk, loose_chunk, read_plane

if TYPE_CHECKING:
    import pandas as pd


logger = logging.getLogger(__name__)


class ResultStore:
    """The output of one run: an OME-Zarr plate or collection of images, and tables.

    Parameters
    ----------
    output : path, optional
        A folder that is empty or does not exist. By default, a temporary folder that is deleted with the store.
    components : mapping
        From component name to all its values in the dataset.
    plane_shape : tuple of int
        (Y, X) of the dataset's planes.
    calibration : Calibration, optional
        Calibration of the dataset.
    mode : {"new", "resume", "read"}
        The folder must be empty; it may hold a run, which is resumed; it holds a run, which is only read.
    sharded : bool
        Whether the planes of an image are packed into few files when the run ends.
    scratch_folder : Path, optional
        Where the temporary folder is created. By default, in the system's temporary folder.

    Attributes
    ----------
    steps : dict
        From step to `StepOutput`, for steps that have written planes.
    states : dict
        From step to the state of each plane; see `StepOutput.states`. Empty until `finish`.

    Raises
    ------
    FileExistsError
        The folder is not empty, or on resuming, holds something other than a run.
    OSError
        The folder cannot be created or written to.
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
        self._tables = OutputTables(self.root, self.components, self.calibration)
        self._array_metadata: dict[tuple[Any, ...], bytes] = {}
        if mode == "new" or (mode == "resume" and not (self.root / "zarr.json").exists()):
            write_group(self.root, self._own_attributes({}))

    def add(self, output: TaskOutput) -> str:
        """Add the outputs of a task, and write the metadata of new images.

        Returns
        -------
        str
            An error if planes have other components, or another dtype, than earlier ones of the same image; otherwise
            empty. These planes are not added, and those of another dtype are deleted.
        """
        self._tables.add(output)
        return " ".join(filter(None, map(self._add_planes, output.planes)))

    def _add_planes(self, planes: WrittenPlanes) -> str:
        step = self.steps.get(planes.step)
        if step is None:
            step = StepOutput.of(planes.grid(self.components, self.plane_shape), plane_kind(planes.kind))
            self.steps[planes.step] = step
        if step.grid.names != planes.names:
            return (
                f"Step {planes.step!r} returned outputs over {', '.join(planes.names)} here and over "
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
            f"Step {planes.step!r} returned {planes.dtype} for {self._plane_name(step.grid, codes)}, but {dtype} for "
            f"other planes of the same image ({len(misfits)} planes). Let it return one dtype for all planes."
        )

    def _remove(self, grid: ImageGrid, codes: Sequence[int], shape: tuple[int, int]) -> None:
        """Delete a plane whose dtype differs from that of its array."""
        if self._mode == "read":
            return
        for level in range(len(level_shapes(shape))):
            array = self.root / grid.array(codes, shape) / str(level)
            for path in (chunk(array, grid.position(codes)), loose_chunk(array, grid.position(codes))):
                path.unlink(missing_ok=True)

    def _plane_name(self, grid: ImageGrid, codes: Sequence[int]) -> str:
        return ", ".join(f"{n}={self.components[n][c]}" for n, c in zip(grid.names, codes, strict=True))

    def _write_arrays(self, step: StepOutput, path: str) -> None:
        """Write the metadata of the levels of an image, which other programs need to read its planes."""
        if self._mode == "read":
            return
        for level, shape in enumerate(level_shapes(step.arrays[path].shape)):
            array = self.root / path / str(level)
            metadata = self._describe_array(step.grid, shape, step.arrays[path].dtype)
            # They are missing if the run was killed, and those that are there may be of another program.
            try:
                is_there = read_regular(array / "zarr.json") == metadata
            except OSError:
                is_there = False
            if not is_there:
                make_folder(str(self.root), array)
                write_atomically(array / "zarr.json", metadata)

    def _describe_array(self, grid: ImageGrid, shape: tuple[int, int], dtype: str) -> bytes:
        """Return the metadata of the arrays of a step's images, which are the same for all of them."""
        key = (grid.axes, shape, dtype)
        if key not in self._array_metadata:
            axes = [IMAGE_AXES[axis] for axis in grid.axes]
            lengths = grid.lengths(grid.axes)
            self._array_metadata[key] = array_metadata(axes, lengths, shape, dtype, self.sharded)
        return self._array_metadata[key]

    def clear_partial(self) -> None:
        """Delete incomplete files of workers that were killed."""
        for path in self.root.rglob(f".*{PARTIAL}"):
            path.unlink(missing_ok=True)

    def finish(self, kinds: Mapping[str, PlaneKind], index: Planes, axis: str, over: Collection[str]) -> None:
        """Write the metadata of images and plates, and the Parquet files of tables, at the end of a run.

        Parameters
        ----------
        kinds : mapping
            From each step that keeps planes, in the order of the pipeline, to the kind of its output.
        index : Planes
            The planes of the dataset.
        axis : str
            The multiprocessing axis, which may be a product.
        over : collection of str
            The axis values of tasks that ended without being cancelled.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        make_folder(str(self.root), self.root)
        self._tables.write_parquet()
        steps = {name: self.steps.setdefault(name, self._nothing(kind)) for name, kind in kinds.items()}
        self.states = {name: step.states(index, axis, over) for name, step in steps.items()}
        pending = STATES.index("pending")
        # Only finished runs are packed: a cancelled run must end at once, and may be resumed.
        if self.sharded and not any((states == pending).any() for states in self.states.values()):
            for step in steps.values():
                for path, array in step.arrays.items():
                    pack(self.root / path, len(level_shapes(array.shape)))
        write_collections(self.root, steps, self.calibration, self._own_attributes(steps))

    def _nothing(self, kind: PlaneKind) -> StepOutput:
        """Return the output of a step that has written nothing."""
        return StepOutput.of(ImageGrid(self.components, tuple(self.components), None, self.plane_shape), kind)

    def _own_attributes(self, steps: Mapping[str, StepOutput]) -> dict[str, Any]:
        """Return the attributes beyond OME-Zarr: component values, and planes that were not written."""
        attributes = {
            "version": version("napari-axiswise"),
            "components": self.components,
            "plane_shape": self.plane_shape,
            "calibration": self.calibration.to_json(),
            "steps": {name: describe_step(step, self.states[name]) for name, step in steps.items()},
        }
        return {OWN: attributes}

    def write_csv(self, raw: bool = False) -> list[Path]:
        """Write the tables as CSV files beside the Parquet files, and return their paths. See `csv_text` for `raw`.

        Raises
        ------
        OSError
            They cannot be written.
        """
        return self._tables.write_csv(raw)

    def copy_to(self, folder: Path) -> None:
        """Copy everything to a folder that is empty or does not exist.

        Raises
        ------
        FileExistsError
            It is not empty, or it is within this output.
        OSError
            It cannot be written to.
        """
        if folder.expanduser().resolve().is_relative_to(self.root):
            raise FileExistsError(f"{folder} is inside the result {self.root}. Choose a folder outside it.")
        target = prepare_folder(folder, "new")
        links = {str(path) for path in find_links(self.root)}
        if links:
            logger.warning(
                "The result %s has links, pipes or devices, which are not copied: %s",
                self.root,
                join_names(links),
            )
        incomplete = ignore_patterns(f".*{PARTIAL}", LOCK)

        def left_out(folder: str, names: list[str]) -> set[str]:
            return incomplete(folder, names) | {name for name in names if str(Path(folder, name)) in links}

        try:
            copytree(self.root, target, ignore=left_out, dirs_exist_ok=True)
        except ShutilError as error:
            failures = error.args[0]
            raise OSError(f"The result could not be copied to {target}: {failures[0][2]}.") from error

    def codes(self, step: str, values: Mapping[str, str]) -> tuple[int, ...]:
        """Return the indices of a plane's component values.

        Parameters
        ----------
        step : str
            A kept step whose output is images or labels.
        values : mapping
            A value per component. Components with one value, and those that the output lacks, may be omitted.

        Raises
        ------
        KeyError
            The step or a value does not exist.
        ValueError
            A component does not exist, or is missing.
        """
        if step not in self.steps:
            raise KeyError(
                f"No planes of a step {step!r} were written; there are {', '.join(self.steps) or 'none'}."
            )
        values = {name: normalize_value(name, str(value)) for name, value in values.items()}
        for name, value in values.items():
            if name not in self.components:
                raise ValueError(
                    f"{name!r} is not a component of this run. Its components are {', '.join(self.components)}."
                )
            if value not in self.components[name]:
                raise KeyError(f"No {name} {value!r}; there are {', '.join(self.components[name])}.")
        names = self.steps[step].grid.names
        missing = [name for name in names if name not in values and len(self.components[name]) > 1]
        if missing:
            raise ValueError(f"Step {step!r} has several values of {', '.join(missing)}. Give one of each.")
        return tuple(self.components[name].index(values[name]) if name in values else 0 for name in names)

    def read(self, step: str, codes: Sequence[int]) -> NDArray[Any]:
        """Return one plane of a step's output, shape (Y, X).

        Raises
        ------
        KeyError
            The plane was not written.
        PlaneError
            The plane was written, but cannot be read.
        """
        output = self.steps[step]
        shape = output.shape_of(codes)
        if shape is None:
            raise KeyError(
                f"There is no {step!r} of {self._plane_name(output.grid, codes)}: {self._explain_state(step, codes)}."
            )
        path = output.grid.array(codes, shape)
        try:
            return read_plane(self.root, output.grid, codes, shape, output.arrays[path].dtype, self.sharded)
        except PlaneError:
            raise
        except Exception as error:
            raise PlaneError(
                f"{self.root / path} cannot be read ({type(error).__name__}: {error})."
            ) from error

    def read_states(self, kinds: Mapping[str, PlaneKind]) -> None:
        """Restore the states of planes from the attributes of the output, if they are there.

        Parameters
        ----------
        kinds : mapping
            See `finish`.
        """
        attributes = read_attributes(self.root).get(OWN)
        steps = attributes.get("steps") if isinstance(attributes, dict) else None
        for name, kind in kinds.items():
            try:
                described = (steps or {})[name]
                step = self.steps.get(name) or self._nothing(kind)
                states = np.full(step.written.shape, STATES.index("written"), np.uint8)
                for number, state in enumerate(STATES):
                    codes = np.array(described.get(state, ()), np.int64).reshape(-1, states.ndim)
                    if (codes < 0).any() or (codes >= states.shape).any():
                        raise ValueError(f"step {name!r} has no such planes")
                    states[tuple(codes.T)] = number
            except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
                logger.info("The states of the planes of %r in %s cannot be read: %s", name, self.root, error)
            else:
                self.steps[name], self.states[name] = step, states

    def state(self, step: str, codes: Sequence[int]) -> PlaneState:
        """Return the state of a plane of a step's output."""
        if self.steps[step].shape_of(codes) is not None:
            return "written"
        state: PlaneState = STATES[self.states[step][tuple(codes)]] if step in self.states else "pending"
        # Of a plane that was written once, the record in the run log may be damaged: a resumed run writes it again.
        return "pending" if state == "written" else state

    def _explain_state(self, step: str, codes: Sequence[int]) -> str:
        reasons = {
            "missing": "it was not written, as the dataset has no such plane",
            "failed": "it was not written, as its unit or task failed",
            "pending": "it was not written",
        }
        return reasons[self.state(step, codes)]

    def table(self, step: str, tables: Sequence[WrittenTable] | None = None) -> pd.DataFrame:
        """Return the rows of a step's table or points, in the natural order of their components.

        Parameters
        ----------
        step : str
            Name of the step.
        tables : sequence of WrittenTable, optional
            Where the rows are. By default, all rows that were written.
        """
        return self._tables.read(step, tables)
