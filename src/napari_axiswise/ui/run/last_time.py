"""The choices of the last session, stored in the user's state folder."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from platformdirs import user_state_path

from ...core.files import write_atomically
from ...datasets.dataset import PageAxes
from ...pipeline.pipeline import Pipeline
from ...recipes.options import RunOptions, Spelling, text_options
from ...recipes.recipe import Recipe

logger = logging.getLogger(__name__)

CHOICES = "last-time.json"
PIPELINE = "last-time.toml"


@dataclass(frozen=True)
class LastTime(RunOptions):
    """The options of a run in text form, and what only the window knows.

    Parameters
    ----------
    axis, variable, group_by, axis_filter, executor, workers, output, time_limit, scheduler
        See `RunPlan`. ``workers`` is None for the number in the settings.
    source : str
        The full path or the address of the dataset; empty if none was open.
    pattern : str
        How its files are named; empty for a known layout.
    page_axes : sequence of str, or mapping from str to int, optional
        Components of its unlabelled axes.
    pipeline : str
        The name in the list of pipelines.
    show_as : str
        How results become layers; empty for the default.
    """

    source: str = field(default="", kw_only=True)
    pattern: str = field(default="", kw_only=True)
    page_axes: PageAxes | None = field(default=None, kw_only=True)
    pipeline: str = field(default="", kw_only=True)
    show_as: str = field(default="", kw_only=True)


def state_folder() -> Path:
    """Return the folder of the files."""
    return user_state_path("napari-axiswise", appauthor=False)


def read_last_time() -> tuple[LastTime, str]:
    """Return the stored choices, the defaults if there are none, and an error message or an empty text.

    A file that cannot be read is renamed to end with ``.unreadable``. Unknown keys and invalid values are ignored.
    """
    path = state_folder() / CHOICES
    try:
        content = json.loads(path.read_text("utf-8"))
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError:
        return LastTime(), ""
    except (OSError, ValueError) as error:
        aside = path.with_name(f"{path.name}.unreadable")
        with suppress(OSError):
            path.replace(aside)
        return (
            LastTime(),
            f"The choices of the last session cannot be read, and were moved to {aside}: {error}.",
        )
    names = {key: name for name, key in _keys().items()}
    valid = {names[key]: value for key, value in content.items() if key in names and _fits(names[key], value)}
    # Empty is how texts say that there is no value.
    return LastTime(**{name: value for name, value in valid.items() if value or name not in _SPELLINGS}), ""


def write_last_time(choices: LastTime) -> None:
    """Store choices for the next session. A failure is logged."""
    content = {key: getattr(choices, name) for name, key in _keys().items()}
    try:
        _write(state_folder() / CHOICES, json.dumps(content, indent=1))
    except OSError as error:
        logger.warning("The choices in the dock cannot be stored for the next session: %s", error)


def read_pipeline() -> tuple[Pipeline | None, str]:
    """Return the stored pipeline, or None, and an error message or an empty text.

    The modules of its functions are imported.
    """
    path = state_folder() / PIPELINE
    if not path.is_file():
        return None, ""
    try:
        return Recipe.read(path).pipeline, ""
    except Exception as error:
        # Importing a module of the user may raise anything.
        return None, f"The pipeline of the last session cannot be loaded: {error}"


def write_pipeline(pipeline: Pipeline | None) -> bool:
    """Store a pipeline for the next session, and return whether that is possible: a recipe must be able to name it.

    Parameters
    ----------
    pipeline : Pipeline, optional
        None for a pipeline of the plugin, which need not be stored.
    """
    path = state_folder() / PIPELINE
    try:
        if pipeline is not None:
            # A recipe needs a dataset that exists.
            _write(path, Recipe(str(path.parent), pipeline, "well").to_toml(path.parent))
            return True
        path.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        logger.info("The pipeline is not stored for the next session: %s", error)
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return False


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())


_SPELLINGS: dict[str, Spelling] = {each.name: text.spelling for each, text in text_options()}
"""How the options of a run are spelled, by name."""


def _keys() -> dict[str, str]:
    """Return the key of each attribute in the file."""
    keys = {each.name: text.key or each.name for each, text in text_options()}
    return {each.name: keys.get(each.name, each.name) for each in fields(LastTime)}


def _fits(name: str, value: Any) -> bool:
    """Return whether an attribute can have a value."""
    spelling = _SPELLINGS.get(name)
    if name == "page_axes":
        numbers = isinstance(value, dict) and all(isinstance(length, int) for length in value.values())
        return value is None or numbers or _are_texts(value)
    if spelling == "texts":
        return value is None or _are_texts(value)
    if spelling == "whole number":
        return value is None or (isinstance(value, int) and value >= 0)
    if spelling == "number":
        return value is None or (isinstance(value, (int, float)) and value > 0)
    return isinstance(value, str) or (value is None and spelling is not None)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
