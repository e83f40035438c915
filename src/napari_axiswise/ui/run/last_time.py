"""What was chosen in the dock when it was last used, in a file of the user."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from ...datasets.dataset import PageAxes
from ...pipeline.pipeline import Pipeline
from ...recipes.recipe import Recipe
from .form import AxisForm

logger = logging.getLogger(__name__)

CHOICES = "last-time.json"
PIPELINE = "last-time.toml"


@dataclass(frozen=True)
class LastTime:
    """Choices of the dock, in words that a file can hold.

    Parameters
    ----------
    source : str
        What was opened: a full path, or an address; empty for nothing.
    pattern : str
        The pattern that it was opened with; empty for none.
    page_axes : sequence of str, or mapping from str to int, optional
        The axes that it was opened with.
    pipeline : str
        What the list of pipelines said.
    axis, group_by : str
        Components, or a product of them; empty for none.
    variable : sequence of str
        Components.
    executor, scheduler, show_as : str
        What the fields of these names said; empty for what they say at first.
    workers : int
        How many, where that is not what the settings say; 0 where it is.
    output : str
        The folder to keep results in; empty for none.
    """

    source: str = ""
    pattern: str = ""
    page_axes: PageAxes | None = None
    pipeline: str = ""
    axis: str = ""
    variable: Sequence[str] = ()
    group_by: str = ""
    executor: str = ""
    workers: int = 0
    scheduler: str = ""
    output: str = ""
    show_as: str = ""

    @property
    def form(self) -> AxisForm:
        """The state of the form, for a dataset that is yet to be opened."""
        return AxisForm(axis=self.axis, variable=tuple(self.variable), group_by=self.group_by or None)


def state_folder() -> Path:
    """Return where the choices are."""
    return user_state_path("napari-axiswise", appauthor=False)


def read_last_time() -> tuple[LastTime, str]:
    """Return the choices of last time, and what is wrong with the file; none of them where there is none.

    A file that cannot be read is put aside, under a name that ends with ``.unreadable``. What it says of fields that
    are none, or not what they could hold, is passed over.
    """
    path = state_folder() / CHOICES
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is no JSON object")
    except FileNotFoundError:
        return LastTime(), ""
    except (OSError, ValueError) as error:
        aside = path.with_name(f"{path.name}.unreadable")
        with suppress(OSError):
            path.replace(aside)
        return LastTime(), f"What was chosen last time cannot be read, and is now in {aside}: {error}."
    known = {field.name for field in fields(LastTime)}
    return LastTime(
        **{name: value for name, value in content.items() if name in known and _fits(name, value)}
    ), ""


def write_last_time(choices: LastTime) -> None:
    """Keep choices for next time. Where that cannot be, it is logged."""
    try:
        _replace(state_folder() / CHOICES, json.dumps(asdict(choices), indent=1))
    except OSError as error:
        logger.warning("What is chosen cannot be kept for next time: %s", error)


def read_pipeline() -> tuple[Pipeline | None, str]:
    """Return the pipeline that was kept, and why there is none where one was.

    The modules of its functions are imported.
    """
    path = state_folder() / PIPELINE
    if not path.is_file():
        return None, ""
    try:
        return Recipe.read(path).pipeline, ""
    except Exception as error:
        # Whatever the import of somebody's module may raise.
        return None, f"The pipeline of last time cannot be had again: {error}"


def write_pipeline(pipeline: Pipeline | None) -> bool:
    """Keep a pipeline for next time, and return whether that can be: a recipe has to be able to tell it.

    Parameters
    ----------
    pipeline : Pipeline, optional
        None for one that comes with the plugin, for which nothing has to be kept.
    """
    path = state_folder() / PIPELINE
    try:
        if pipeline is not None:
            # A recipe has a dataset: one that is always there.
            _replace(path, Recipe(str(path.parent), pipeline, "well").to_toml(path.parent))
            return True
        path.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        logger.info("The pipeline is not kept for next time: %s", error)
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return False


def _replace(path: Path, text: str) -> None:
    """Write a file that others see whole, or as it was before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.write_text(text, "utf-8")
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _fits(name: str, value: Any) -> bool:
    """Return whether a field can hold a value."""
    if name == "workers":
        return isinstance(value, int) and value >= 0
    if name == "variable":
        return _are_texts(value)
    if name == "page_axes":
        numbers = isinstance(value, dict) and all(isinstance(length, int) for length in value.values())
        return value is None or numbers or _are_texts(value)
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
