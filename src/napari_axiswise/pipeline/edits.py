"""Edits of a pipeline: each makes a new one, or says why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .pipeline import Pipeline
from .step import Step

FIELDS = ("function", "params", "inputs", "output", "variable", "group_by", "keep", "enabled")
"""What `change` can change of a step."""

LONGEST = 200
"""Pipelines that a history goes back."""


def add(pipeline: Pipeline, step: Step, after: str | None = None) -> Pipeline:
    """Return a pipeline with one more step: behind another, or at the end.

    Steps that take what is made right before them take it from the new neighbour.

    Raises
    ------
    KeyError
        There is no step `after`.
    ValueError
        A step of that name is there; inputs that are no earlier steps.
    """
    steps = list(pipeline.said)
    steps.insert(len(steps) if after is None else _position(pipeline, after) + 1, step)
    return Pipeline(steps)


def remove(pipeline: Pipeline, name: str) -> Pipeline:
    """Return a pipeline without a step.

    Raises
    ------
    KeyError
        There is no such step.
    ValueError
        It is the only one, or another takes its output by name.
    """
    position = _position(pipeline, name)
    if len(pipeline) == 1:
        raise ValueError(f"{name!r} is the only step, and a pipeline needs one. Add another first.")
    steps = list(pipeline.said)
    by_name = [step.name for step in steps if name in (step.inputs or ())]
    if by_name:
        raise ValueError(
            f"Step {by_name[0]!r} takes the output of {name!r}. Give it another input, or remove it, first."
        )
    del steps[position]
    return Pipeline(steps)


def move(pipeline: Pipeline, name: str, to: int) -> Pipeline:
    """Return a pipeline with a step at another position, counted from 0.

    Raises
    ------
    KeyError
        There is no such step.
    ValueError
        A step would come before one whose output it takes by name.
    """
    steps = list(pipeline.said)
    steps.insert(to, steps.pop(_position(pipeline, name)))
    return Pipeline(steps)


def rename(pipeline: Pipeline, name: str, new: str) -> Pipeline:
    """Return a pipeline in which a step has another name, also for those that take its output.

    Raises
    ------
    KeyError
        There is no such step.
    ValueError
        The new name cannot be that of a step, or another has it.
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
        for step in pipeline.said
    )


def change(pipeline: Pipeline, name: str, **fields: Any) -> Pipeline:
    """Return a pipeline in which a step is otherwise.

    Parameters
    ----------
    pipeline : Pipeline
        Before.
    name : str
        Of the step.
    **fields
        Of `FIELDS`, as `Step` takes them; None for what is to be left out.

    Raises
    ------
    KeyError
        There is no such step, or field.
    ValueError
        The step or the pipeline cannot be like that.
    """
    unknown = [field for field in fields if field not in FIELDS]
    if unknown:
        raise KeyError(f"{unknown[0]!r} cannot be changed; there are {', '.join(FIELDS)}.")
    steps = list(pipeline.said)
    position = _position(pipeline, name)
    steps[position] = replace(steps[position], **fields)
    return Pipeline(steps)


def takers(pipeline: Pipeline, name: str) -> tuple[str, ...]:
    """Return the steps that take the output of a step."""
    return tuple(step.name for step in pipeline if name in (step.inputs or ()))


def _position(pipeline: Pipeline, name: str) -> int:
    return pipeline.steps.index(pipeline[name])


@dataclass(frozen=True, eq=False)
class History:
    """A pipeline, with those before it and those that were undone.

    Parameters
    ----------
    pipeline : Pipeline
        As it is.
    past, future : tuple of Pipeline
        What `undo` and `redo` lead to, the nearest last.
    subject : str
        What was edited last.
    """

    pipeline: Pipeline
    past: tuple[Pipeline, ...] = ()
    future: tuple[Pipeline, ...] = ()
    subject: str = ""

    def then(self, pipeline: Pipeline, subject: str = "") -> History:
        """Return the history after one more edit; one of the same `subject` as the last replaces that."""
        again = bool(subject) and subject == self.subject
        past = self.past if again else (*self.past, self.pipeline)[-LONGEST:]
        return History(pipeline, past, (), subject)

    def undo(self) -> History:
        """Return the history before the last edit; itself where there is none."""
        if not self.past:
            return self
        return History(self.past[-1], self.past[:-1], (*self.future, self.pipeline))

    def redo(self) -> History:
        """Return the history with the edit that was undone last; itself where there is none."""
        if not self.future:
            return self
        return History(self.future[-1], (*self.past, self.pipeline), self.future[:-1])
