"""A recipe: a run as a text file, so that it can be repeated anywhere.

::

    [dataset]                             [[steps]]
    path = "plate"                        name = "blur"
                                          function = "skimage.filters:gaussian"
    [run]                                 params = { sigma = 2 }
    axis = "well"
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..core.axes import Axis, axis_name
from ..core.files import Address, full_path, is_address
from ..core.import_paths import import_from
from ..core.text import printable
from ..datasets.dataset import Dataset, PageAxes
from ..datasets.opening import open_dataset
from ..pipeline.pipeline import Pipeline
from .entries import read_step, route_entries, step_entry
from .imports import named_functions
from .options import RunOptions, Spelling, option_keys, path_seen_from, text_options
from .toml import LIST, NUMBER, TABLE, TEXT, WHOLE, Table, read_toml, toml_lines

FORMAT = 1
"""The version of the format. Recipes that do not state one have the first."""


@dataclass(frozen=True, eq=False)
class _RecipeSubject:
    """What a recipe runs; its fields come before the options."""

    source: str
    pipeline: Pipeline


@dataclass(frozen=True, eq=False)
class Recipe(RunOptions, _RecipeSubject):
    """The text form of a run.

    Parameters
    ----------
    source : str
        The folder, file or address of the dataset.
    pipeline : Pipeline
        The steps. In a file, their functions are ``module:name``.
    axis, variable, group_by, axis_filter, executor, workers, output, time_limit, scheduler
        See `RunPlan`. ``only`` in a file is the axis filter.
    pattern : str, optional
        How the files are named; see `open_dataset`.
    axes : tuple of str, or mapping from str to int, optional
        Components of unlabelled axes; see `open_dataset`.

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

    pattern: str | None = field(default=None, kw_only=True)
    axes: PageAxes | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if is_address(self.source):
            self._set(source=Address(self.source))

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        pipeline: Pipeline,
        axis: Axis,
        *arguments: Any,
        **options: Any,
    ) -> Recipe:
        """Return the recipe of a run.

        An executor object becomes ``"processes"``: a recipe cannot name it, and where tasks run does not
        change their results.

        Parameters
        ----------
        dataset : Dataset
            Opened from files.
        pipeline : Pipeline
            The steps.
        axis : str, or sequence of str
            The component to split by.
        *arguments, **options
            The other options with a text form, in the order of `RunPlan`.

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
        recipe = cls(
            dataset.opened,
            pipeline,
            axis_name(axis),
            *arguments,
            pattern=dataset.pattern,
            axes=dataset.axes,
            **options,
        )
        return recipe if isinstance(recipe.executor, str) else replace(recipe, executor="processes")

    @classmethod
    def read(cls, path: str | os.PathLike[str], need_dataset: bool = True) -> Recipe:
        """Return the recipe in a file.

        The modules of its functions are imported, which runs their code: only read recipes of people you trust. If a
        module is in the folder of the recipe and nowhere else, the folder becomes the last one of ``sys.path``, where
        worker processes find it too.

        Parameters
        ----------
        path : path
            A TOML file. Paths in it are relative to its folder.

        Raises
        ------
        FileNotFoundError
            There is no such file, or nothing at the path of its dataset.
        ValueError
            The file is not TOML; a key is unknown, missing or of the wrong type; a function cannot be imported; or
            the steps are not a valid pipeline. The message says where.
        """
        path = Path(path).expanduser().absolute()
        content = read_toml(path)
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
        """Return the text of the recipe, without options that have their defaults.

        Tuples become lists, and numpy's numbers become Python's.

        Parameters
        ----------
        folder : Path, optional
            The folder of the file. Paths become relative to it, unless they have no folder in common with it. Left
            out, all paths are absolute.

        Raises
        ------
        ValueError
            A function cannot be imported by name, a path is not Unicode, or a param has no TOML form. The message names
            the step or the path, and says what to do.
        """
        chosen = self.chosen_options
        if self.output is not None:
            chosen["output"] = path_seen_from(folder, self.output)
        keys = option_keys()
        run = {keys[name]: value for name, value in chosen.items()}
        dataset = {"path": path_seen_from(folder, self.source), "pattern": self.pattern, "axes": self.axes}
        lines = ["[dataset]", *toml_lines(dataset)]
        lines += ["", "[run]", *toml_lines(run)]
        for step, entry in zip(self.pipeline, map(step_entry, self.pipeline.without_defaults), strict=True):
            lines += ["", "[[steps]]", *toml_lines(entry)]
            if isinstance(step.function, Mapping):
                lines += ["", "[steps.routes]", *toml_lines(route_entries(step.name, step.function))]
        text = "\n".join(lines) + "\n"
        if wrong := next((line for line in lines if not _is_unicode(line)), ""):
            raise ValueError(
                f"{printable(wrong)} cannot be in a recipe: it is not Unicode. Rename the file or folder."
            )
        return text

    def run_arguments(self) -> dict[str, Any]:
        """Open the dataset, and return the keyword arguments of `RunPlan`.

        Raises
        ------
        ValueError, OSError
            See `open_dataset`.
        """
        dataset = open_dataset(self.source, self.pattern, self.axes)
        rare = {each.name for each in fields(self) if each.kw_only}
        options = {
            name: value for name, value in self.options.items() if name not in rare or value is not None
        }
        return {"dataset": dataset, "pipeline": self.pipeline, **options}


def _is_unicode(text: str) -> bool:
    """Return whether a text can be written as UTF-8. Names of files may have other bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read_recipe(content: Mapping[str, object], folder: Path) -> Recipe:
    version = content.get("format", FORMAT)
    if version != FORMAT:
        raise ValueError(
            f"The recipe has format = {version!r}, and this version of napari-axiswise reads format {FORMAT}. "
            "Update it: pip install --upgrade napari-axiswise."
        )
    whole = Table(content, "A recipe", ("format", "dataset", "run", "steps"))
    dataset = Table(whole.need("dataset", TABLE), "[dataset]", ("path", "pattern", "axes"))
    run = Table(whole.need("run", TABLE), "[run]", tuple(option_keys().values()))
    steps = whole.need("steps", LIST)
    if not steps or not all(isinstance(step, dict) for step in steps):
        raise ValueError("A recipe needs at least one step: a table that begins with [[steps]].")
    options = _read_options(run, folder)
    source = dataset.need("path", TEXT)
    import_from(folder, [module.partition(".")[0] for module, _ in named_functions(content)])
    return Recipe(
        source=full_path(folder, source),
        pipeline=Pipeline([read_step(step, number, folder) for number, step in enumerate(steps, 1)]),
        pattern=dataset.get("pattern", TEXT),
        axes=_read_axes(dataset),
        **options,
    )


def _read_options(run: Table, folder: Path) -> dict[str, Any]:
    """Return the options in the table ``[run]``, by name, without those that it leaves out."""
    readers: Mapping[Spelling, Callable[[str], Any]] = {
        "axis": lambda key: run.texts(key) if run.is_list(key) else run.need(key, TEXT),
        "text": lambda key: run.get(key, TEXT),
        "texts": run.texts,
        "whole number": lambda key: run.get(key, WHOLE),
        "number": lambda key: run.get(key, NUMBER),
        "path": lambda key: (path := run.get(key, TEXT)) and full_path(folder, path),
    }
    keys = option_keys()
    found = {each.name: readers[text.spelling](keys[each.name]) for each, text in text_options()}
    return {name: value for name, value in found.items() if value is not None}


def _read_axes(dataset: Table) -> PageAxes | None:
    """Return the axes of the dataset: names, or a table of names and lengths."""
    if not dataset.is_table("axes"):
        return dataset.texts("axes")
    lengths = dataset.need("axes", TABLE)
    if not all(type(length) is int and length > 0 for length in lengths.values()):
        raise ValueError(
            f"[dataset]: axes = {lengths} must have whole numbers, as in {{ timepoint = 10, z_index = 6 }}."
        )
    return lengths
