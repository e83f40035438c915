"""Recipe: a run as a text file, so that the same run can be had anywhere.

::

    [dataset]                             [[steps]]
    path = "plate"                        name = "blur"
                                          function = "skimage.filters:gaussian"
    [run]                                 params = { sigma = 2 }
    axis = "well"
"""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.axes import Axis, axis_name
from ..datasets.dataset import Dataset, PageAxes
from ..datasets.opening import open_dataset
from ..pipeline.pipeline import Pipeline
from ..planes.zarr_arrays import is_address
from .entries import read_step, route_entries, step_entry
from .toml import LIST, NUMBER, TABLE, TEXT, WHOLE, Table, toml_lines

_RUN_KEYS = ("axis", "variable", "group_by", "only", "executor", "workers", "output", "time_limit",
             "scheduler")  # fmt: skip


FORMAT = 1
"""The version of what recipes say; those that do not say are of the first."""

RECIPE = "recipe.toml"
"""The recipe of a run, in its output."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """What a run is made from, in words that a file can hold.

    Parameters
    ----------
    source : str
        The folder, file or address of the dataset.
    pipeline : Pipeline
        What to do. Written, its functions are ``module:name``.
    axis : str, or sequence of str
        The component to split by, or several; kept as one text, ``"well,timepoint"``.
    variable : tuple of str
        Components that steps stack if they do not say.
    group_by : str, optional
        Component that steps route by if they do not say.
    axis_filter : tuple of str, optional
        Only these values of the axis; ``only`` in the file.
    pattern : str, optional
        How the files are named; see `open_dataset`.
    axes : tuple of str, or mapping from str to int, optional
        Components of axes that nobody labelled; see `open_dataset`.
    executor : str
        Where the tasks run.
    workers : int, optional
        How many.
    output : str, optional
        The folder to write to.
    time_limit : float, optional
        Seconds that a task may take.
    scheduler : str, optional
        Of a cluster.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian
    >>> recipe = aw.Recipe("sample-plate", aw.Pipeline([aw.Step(gaussian, {"sigma": 2})]), axis="well")
    >>> path = recipe.write("recipe.toml")
    >>> print(path.read_text())
    [dataset]
    path = "sample-plate"
    <BLANKLINE>
    [run]
    axis = "well"
    <BLANKLINE>
    [[steps]]
    name = "gaussian"
    function = "napari_axiswise.functions:gaussian"
    params = { sigma = 2 }
    <BLANKLINE>
    >>> aw.Recipe.read("recipe.toml").axis
    'well'
    """

    source: str
    pipeline: Pipeline
    axis: str
    variable: tuple[str, ...] = ()
    group_by: str | None = None
    axis_filter: tuple[str, ...] | None = None
    pattern: str | None = None
    axes: PageAxes | None = None
    executor: str = "processes"
    workers: int | None = None
    output: str | None = None
    time_limit: float | None = None
    scheduler: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "axis", axis_name(self.axis))

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        pipeline: Pipeline,
        axis: Axis,
        variable: str | Sequence[str] = (),
        group_by: str | None = None,
        axis_filter: Iterable[str] | None = None,
        executor: str | Executor = "processes",
        workers: int | None = None,
        output: str | os.PathLike[str] | None = None,
        time_limit: float | None = None,
        scheduler: str | None = None,
    ) -> Recipe:
        """Return the recipe of a run with these arguments.

        An executor that was handed in becomes ``"processes"``: a recipe cannot name it, and where tasks run
        makes no difference to what they give.

        Raises
        ------
        ValueError
            The dataset was not opened from files.
        """
        if dataset.opened is None:
            raise ValueError(
                f"The dataset {dataset.source!r} is in memory, and a recipe names files. "
                "Save it, as TIFF for example, and open that."
            )
        return cls(
            source=dataset.opened,
            pipeline=pipeline,
            axis=axis_name(axis),
            variable=(variable,) if isinstance(variable, str) else tuple(variable),
            group_by=group_by,
            axis_filter=None if axis_filter is None else tuple(axis_filter),
            pattern=dataset.pattern,
            axes=dataset.axes,
            executor=executor if isinstance(executor, str) else "processes",
            workers=workers,
            output=None if output is None else os.fspath(output),
            time_limit=time_limit,
            scheduler=scheduler,
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str], need_dataset: bool = True) -> Recipe:
        """Return the recipe in a file.

        The modules that it names are imported, from its own folder first: run recipes of people you trust.
        The folder stays on ``sys.path``, where worker processes find it too.

        Parameters
        ----------
        path : path
            A TOML file. Paths in it are relative to its folder.

        Raises
        ------
        FileNotFoundError
            There is no such file, or nothing at the path of its dataset.
        ValueError
            It is not TOML; a key is unknown, missing or of the wrong type; a function cannot be imported; the
            steps make no pipeline. The message says where.
        """
        path = Path(path).expanduser().absolute()
        if not path.is_file():
            raise FileNotFoundError(f"There is no recipe at {path}. Give the path of a .toml file.")
        try:
            content = tomllib.loads(path.read_text("utf-8-sig"))
        except ValueError as error:
            raise ValueError(f"{path} is not TOML: {error}.") from error
        folder = path.parent.resolve()
        try:
            recipe = _read_recipe(content, folder)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if need_dataset and not is_address(recipe.source) and not Path(recipe.source).exists():
            raise FileNotFoundError(
                f"{path}: there is nothing at {recipe.source}, the path in [dataset]. "
                f"It is relative to {folder}; correct it there."
            )
        return recipe

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the recipe to a file, and return its path.

        Raises
        ------
        ValueError
            See `to_toml`. Nothing is written then.
        OSError
            The file cannot be written.
        """
        path = Path(path).expanduser().absolute()
        path.write_bytes(self.to_toml(path.parent.resolve()).encode())
        return path

    def to_toml(self, folder: Path | None = None) -> str:
        """Return the text of the recipe. What goes without saying is left out.

        Tuples become lists, and numpy's numbers become Python's.

        Parameters
        ----------
        folder : Path, optional
            Where the text will be: paths become relative to it, unless they have no folder in common. Left
            out, all are absolute.

        Raises
        ------
        ValueError
            A function cannot be imported by name, or a param cannot be said in TOML. The message names the
            step, and says what to do.
        """
        run = {
            "axis": self.axis,
            "variable": self.variable or None,
            "group_by": self.group_by,
            "only": self.axis_filter,
            "executor": None if self.executor == "processes" else self.executor,
            "workers": self.workers,
            "output": None if self.output is None else _told_from(folder, self.output),
            "time_limit": self.time_limit,
            "scheduler": self.scheduler,
        }
        source = self.source if is_address(self.source) else _told_from(folder, self.source)
        dataset = {"path": source, "pattern": self.pattern, "axes": self.axes}
        lines = ["[dataset]", *toml_lines(dataset)]
        lines += ["", "[run]", *toml_lines(run)]
        for step, entry in zip(self.pipeline, map(step_entry, self.pipeline.said), strict=True):
            lines += ["", "[[steps]]", *toml_lines(entry)]
            if isinstance(step.function, Mapping):
                lines += ["", "[steps.routes]", *toml_lines(route_entries(step.name, step.function))]
        return "\n".join(lines) + "\n"

    def run_arguments(self) -> dict[str, Any]:
        """Open the dataset, and return the keyword arguments of `Run`.

        Raises
        ------
        ValueError, OSError
            See `open_dataset`.
        """
        arguments: dict[str, Any] = {
            "dataset": open_dataset(self.source, self.pattern, self.axes),
            "pipeline": self.pipeline,
            "axis": self.axis,
            "variable": self.variable,
            "group_by": self.group_by,
            "axis_filter": self.axis_filter,
            "executor": self.executor,
            "workers": self.workers,
            "output": self.output,
        }
        rarer = {"time_limit": self.time_limit, "scheduler": self.scheduler}
        return arguments | {name: value for name, value in rarer.items() if value is not None}


def _told_from(folder: Path | None, path: str) -> str:
    """Return a path as seen from a folder, or in full where the two share nothing but the root."""
    full = Path(path).expanduser().resolve()
    if folder is None or full.parts[:2] != folder.parts[:2]:
        return full.as_posix()
    return Path(os.path.relpath(full, folder)).as_posix()


def _read_recipe(content: Mapping[str, object], folder: Path) -> Recipe:
    newer = content.get("format", FORMAT)
    if newer != FORMAT:
        raise ValueError(
            f"The recipe has format = {newer!r}, and this napari-axiswise reads format {FORMAT}. "
            "Update it: pip install --upgrade napari-axiswise."
        )
    whole = Table(content, "A recipe", ("format", "dataset", "run", "steps"))
    dataset = Table(whole.need("dataset", TABLE), "[dataset]", ("path", "pattern", "axes"))
    run = Table(whole.need("run", TABLE), "[run]", _RUN_KEYS)
    steps = whole.need("steps", LIST)
    if not steps or not all(isinstance(step, dict) for step in steps):
        raise ValueError("A recipe needs at least one step: a table that begins with [[steps]].")
    output = run.get("output", TEXT)
    axis = run.texts("axis") if run.is_list("axis") else run.need("axis", TEXT)
    source = dataset.need("path", TEXT)
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    # The file may have been saved a moment ago.
    importlib.invalidate_caches()
    return Recipe(
        source=source if is_address(source) else _full_path(folder, source),
        pipeline=Pipeline([read_step(step, number, folder) for number, step in enumerate(steps, 1)]),
        axis=axis_name(axis or ()),
        variable=run.texts("variable") or (),
        group_by=run.get("group_by", TEXT),
        axis_filter=run.texts("only"),
        pattern=dataset.get("pattern", TEXT),
        axes=_read_axes(dataset),
        executor=run.get("executor", TEXT) or "processes",
        workers=run.get("workers", WHOLE),
        output=None if output is None else _full_path(folder, output),
        time_limit=run.get("time_limit", NUMBER),
        scheduler=run.get("scheduler", TEXT),
    )


def _full_path(folder: Path, told: str) -> str:
    return str((folder / Path(told).expanduser()).resolve())


def _read_axes(dataset: Table) -> PageAxes | None:
    """Return the axes that a dataset is given: names, or a table of names and lengths."""
    if not dataset.is_table("axes"):
        return dataset.texts("axes")
    lengths = dataset.need("axes", TABLE)
    if not all(type(length) is int and length > 0 for length in lengths.values()):
        raise ValueError(
            f"[dataset]: axes = {lengths} has to give whole numbers, as in {{ timepoint = 10, z_index = 6 }}."
        )
    return lengths
