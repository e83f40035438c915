"""The options of a run that have a text form: a recipe, a script and the command line have the same ones.

An option is one field of `RunOptions`. Its `TextOption` says how it is spelled, so that nothing else has to know it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..core.axes import Axis, axis_name
from ..core.files import hide_secrets, is_address

Spelling = Literal["axis", "text", "texts", "whole number", "number", "path"]
"""How the value of an option is written."""


@dataclass(frozen=True)
class TextOption:
    """How an option is spelled as text.

    Parameters
    ----------
    spelling : str
        How its value is written. A path is relative to the folder of the recipe.
    key : str
        Its key in a recipe and its flag on the command line; empty for the name of the field.
    help : str
        What the command line says of it; empty where it has no flag.
    metavar : str
        What stands for the value in the help of the command line.
    """

    spelling: Spelling
    key: str = ""
    help: str = ""
    metavar: str | None = None


def _text(*spelled: Any, **words: Any) -> dict[str, TextOption]:
    """Return the metadata of a field that has a text form."""
    return {"text": TextOption(*spelled, **words)}


@dataclass(frozen=True, eq=False)
class RunOptions:
    """The options of a run that have a text form. `RunPlan` says what each means.

    Whatever is given is kept in one form: the axis as text, ``"well,timepoint"``; sequences as tuples; the output
    folder as text.
    """

    axis: str = field(
        default="",
        metadata=_text("axis", help="the component to split by; several with commas: well,timepoint"),
    )
    variable: tuple[str, ...] = field(default=(), metadata=_text("texts"))
    group_by: str | None = field(default=None, metadata=_text("text"))
    axis_filter: tuple[Any, ...] | None = field(
        default=None, metadata=_text("texts", "only", "only these values of the axis", "VALUE")
    )
    executor: str | Executor = field(default="processes", metadata=_text("text", help="where the tasks run"))
    workers: int | None = field(
        default=None, metadata=_text("whole number", help="number of workers", metavar="N")
    )
    output: str | None = field(
        default=None,
        metadata=_text("path", help="output folder; RECIPE-results by default", metavar="FOLDER"),
    )
    time_limit: float | None = field(
        default=None,
        metadata=_text("number", help="seconds that a task may take", metavar="SECONDS"),
        kw_only=True,
    )
    scheduler: str | None = field(
        default=None, metadata=_text("text", help="address of a Dask scheduler"), kw_only=True
    )

    def __post_init__(self) -> None:
        axis: Axis = self.axis
        variable: Any = self.variable
        chosen: Any = self.axis_filter
        self._set(
            axis=axis_name(axis),
            variable=(variable,) if isinstance(variable, str) else tuple(variable),
            axis_filter=None if chosen is None else (chosen,) if isinstance(chosen, str) else tuple(chosen),
            output=None if self.output is None else os.fspath(self.output),
        )

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def options(self) -> dict[str, Any]:
        """All options with a text form, by name."""
        return {each.name: getattr(self, each.name) for each, _ in text_options()}

    @property
    def chosen_options(self) -> dict[str, Any]:
        """The axis, and the options that differ from their defaults, by name."""
        defaults = {each.name: each.default for each, _ in text_options() if each.name != "axis"}
        return {
            name: value
            for name, value in self.options.items()
            if name not in defaults or value != defaults[name]
        }


def text_options() -> Iterator[tuple[Field[Any], TextOption]]:
    """Yield the fields of `RunOptions`, each with how it is spelled."""
    for each in fields(RunOptions):
        yield each, each.metadata["text"]


def option_keys() -> Mapping[str, str]:
    """Return the key that each option has in a recipe, by the option's name."""
    return {each.name: text.key or each.name for each, text in text_options()}


def path_seen_from(folder: Path | None, path: str) -> str:
    """Return a path relative to a folder, or in full where they have nothing but the root in common.

    An address is returned as it is.
    """
    if is_address(path):
        return hide_secrets(path)
    full = Path(path).expanduser().resolve()
    if folder is None or full.parts[:2] != folder.parts[:2]:
        return full.as_posix()
    return Path(os.path.relpath(full, folder)).as_posix()
