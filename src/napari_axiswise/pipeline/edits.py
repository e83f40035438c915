"""Editing pipelines: each function returns a new pipeline or raises an error."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .pipeline import Pipeline
from .step import Step

FIELDS = ("function", "params", "inputs", "output", "variable", "group_by", "keep", "enabled")
"""Fields of a step that `change` accepts."""

LONGEST = 200
"""Number of edits that can be undone."""


def add(pipeline: Pipeline, step: Step, after: str | None = None) -> Pipeline:
    """Add a step after another one, or at the end.

    A following step whose input is the step before it gets the new step as input.

    Raises
    ------
    KeyError
        There is no step `after`.
    ValueError
        There is a step of the same name, or an input is not an earlier step.
    """
    steps = list(pipeline.without_defaults)
    steps.insert(len(steps) if after is None else _position(pipeline, after) + 1, step)
    return Pipeline(steps)


def remove(pipeline: Pipeline, name: str) -> Pipeline:
    """Remove a step.

    Raises
    ------
    KeyError
        There is no such step.
    ValueError
        It is the only step, or it is an explicit input of another step.
    """
    position = _position(pipeline, name)
    if len(pipeline) == 1:
        raise ValueError(
            f"{name!r} is the only step, and a pipeline needs at least one. Add another step first."
        )
    steps = list(pipeline.without_defaults)
    by_name = [step.name for step in steps if name in (step.inputs or ())]
    if by_name:
        raise ValueError(
            f"Step {by_name[0]!r} has {name!r} as an input. Change its inputs or remove it first."
        )
    del steps[position]
    return Pipeline(steps)


def move(pipeline: Pipeline, name: str, to: int) -> Pipeline:
    """Move a step to another position, counted from 0.

    Raises
    ------
    KeyError
        There is no such step.
    ValueError
        A step would come before one of its explicit inputs.
    """
    steps = list(pipeline.without_defaults)
    steps.insert(to, steps.pop(_position(pipeline, name)))
    return Pipeline(steps)


def rename(pipeline: Pipeline, name: str, new: str) -> Pipeline:
    """Rename a step, also in the inputs of other steps.

    Raises
    ------
    KeyError
        There is no such step.
    ValueError
        The new name is invalid, or another step has it.
    """
    _position(pipeline, name)
    if not new:
        raise ValueError(f"Step {name!r} needs a name.")
    return Pipeline(
        replace(
            step,
            name=new if step.name == name else step.name,
            inputs=step.inputs and tuple(new if source == name else source for source in step.inputs),
        )
        for step in pipeline.without_defaults
    )


def change(pipeline: Pipeline, name: str, **fields: Any) -> Pipeline:
    """Change fields of a step.

    Parameters
    ----------
    pipeline : Pipeline
        The pipeline to edit.
    name : str
        Name of the step.
    **fields
        New values of `FIELDS`, as arguments of `Step`. None restores a default.

    Raises
    ------
    KeyError
        There is no such step or field.
    ValueError
        The step or the pipeline would be invalid.
    """
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        raise KeyError(f"{unknown[0]!r} cannot be changed. Use one of {', '.join(FIELDS)}.")
    steps = list(pipeline.without_defaults)
    position = _position(pipeline, name)
    steps[position] = replace(steps[position], **fields)
    return Pipeline(steps)


def takers(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    """Return the names of the steps that have a step as an input."""
    return tuple(step.name for step in pipeline if name in (step.inputs or ()))


def _position(pipeline: Pipeline, name: str) -> int:
    return pipeline.steps.index(pipeline[name])


@dataclass(frozen=True, eq=False)
class History:
    """Pipeline with its undo history.

    Parameters
    ----------
    pipeline : Pipeline
        The current pipeline.
    past, future : tuple of Pipeline
        Pipelines that `undo` and `redo` return to, the nearest last.
    subject : str
        What the last edit changed.
    """

    pipeline: Pipeline
    past: tuple[Pipeline, ...] = ()
    future: tuple[Pipeline, ...] = ()
    subject: str = ""

    def then(self, pipeline: Pipeline, subject: str = "") -> History:
        """Add an edit. It replaces the last one if that has the same non-empty `subject`."""
        is_same = bool(subject) and subject == self.subject
        past = self.past if is_same else (*self.past, self.pipeline)[-LONGEST:]
        return History(pipeline, past, (), subject)

    def undo(self) -> History:
        """Undo the last edit, if there is one."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (*self.future, self.pipeline))

    def redo(self) -> History:
        """Redo the edit that was undone last, if there is one."""
        if not self.future:
            return self
        return History(self.future[-1], (*self.past, self.pipeline), self.future[:-1])
