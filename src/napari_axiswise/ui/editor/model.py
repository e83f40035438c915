"""The state of the editor: a pipeline with its history, the selected step, and the choices for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from ...core.kinds import KINDS
from ...pipeline import edits
from ...pipeline.edits import History
from ...pipeline.parameters import Parameter
from ...pipeline.pipeline import Pipeline
from ...pipeline.signatures import Signature, read_signature
from ...pipeline.step import ANY, LABELS, RAW, Step, StepFunction
from ..common.choices import Choice

RUN = "as the run"
"""Label of a choice that a step leaves to the run."""


@dataclass(frozen=True, eq=False)
class EditorModel:
    """Immutable state of the editor. Every edit returns a new state, or raises ValueError.

    Parameters
    ----------
    history : History
        The pipeline, with undo and redo.
    selected : str
        Name of the selected step.
    route : str
        The value whose function is selected in that step; ``"*"`` if one function serves all values.
    components : mapping
        From component name to its values in the dataset.
    labels : tuple of str
        Names of the dataset's label images.
    """

    history: History
    selected: str
    route: str = ANY
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, pipeline: Pipeline) -> EditorModel:
        """Return the state for an unedited pipeline, with its first step selected."""
        return cls(History(pipeline), pipeline.steps[0].name)

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline after all edits."""
        return self.history.pipeline

    @property
    def step(self) -> Step:
        """The selected step."""
        return self.pipeline[self.selected]

    @property
    def position(self) -> int:
        """Index of the selected step."""
        return self.pipeline.steps.index(self.step)

    @property
    def routes(self) -> dict[str, tuple[StepFunction, Mapping[str, Any]]]:
        """The function and params of the selected step for each value; ``"*"`` stands for all others."""
        return self.step.routes

    @property
    def is_routed(self) -> bool:
        """Whether the selected step has a function per value of a component."""
        return isinstance(self.step.function, Mapping)

    @property
    def function(self) -> StepFunction:
        """The selected function."""
        return self.routes[self.route][0]

    @cached_property
    def signature(self) -> Signature:
        """The signature of the selected function."""
        return read_signature(self.function)

    @property
    def parameters(self) -> list[tuple[Parameter, Any]]:
        """The parameters of the selected function, with their values."""
        params = self.routes[self.route][1]
        return [(known, params.get(known.name, known.default)) for known in self.signature.parameters]

    @property
    def inputs(self) -> list[tuple[str, str, list[Choice]]]:
        """Name, source (empty for none) and possible sources of each input."""
        sources = [
            (f"{RAW} (images)", RAW),
            *((f"{name} (labels in the data)", LABELS + name) for name in self.labels),
            *((step.name, step.name) for step in self.pipeline.steps[: self.position]),
        ]
        chosen = self.step.inputs or ()
        needed = max(1, len(self.signature.inputs))
        names = (*self.signature.inputs, *self.signature.optional_inputs)
        rows = []
        for number in range(max(len(names), len(chosen))):
            source = chosen[number] if number < len(chosen) else ""
            offered = sources if number < needed else [("none", ""), *sources]
            unknown = [(source, source)] if source not in (value for _, value in offered) else []
            rows.append((names[number] if number < len(names) else "input", source, [*offered, *unknown]))
        return rows

    @property
    def variable_choices(self) -> list[Choice]:
        """The components that a step can process together."""
        return [(RUN, RUN), ("plane by plane", ""), *((name, name) for name in self.components)]

    @property
    def group_choices(self) -> list[Choice]:
        """The components by which a step can choose its function."""
        chosen = self.step.group_by
        names = [*self.components, *([chosen] if chosen and chosen not in self.components else [])]
        return [("one for all", ""), *((f"one per {name}", name) for name in names)]

    @property
    def values(self) -> list[str]:
        """The values of the routing component without their own function."""
        known = self.components.get(self.step.group_by or "", ())
        return [value for value in known if value not in self.routes]

    def show(self, pipeline: Pipeline) -> Self:
        """Return the state with another pipeline, as an edit that can be undone."""
        return self._with(self.history.then(pipeline))

    def offer(self, components: Mapping[str, tuple[str, ...]], labels: tuple[str, ...]) -> Self:
        """Return the state for another dataset."""
        return replace(self, components=components, labels=labels)

    def select(self, name: str, route: str | None = None) -> Self:
        """Select another step, or another function of a step."""
        routes = self.pipeline[name].routes
        return replace(self, selected=name, route=route if route in routes else next(iter(routes)))

    def add(self, function: StepFunction) -> Self:
        """Add a step after the selected one, and select it."""
        signature, params = _usable(function)
        step = Step(function, params, inputs=self._usual_inputs(signature), output=signature.output)
        pipeline = edits.add(self.pipeline, step, after=self.selected)
        return self._with(self.history.then(pipeline)).select(pipeline.steps[self.position + 1].name)

    def remove(self) -> Self:
        """Remove the selected step, and select the one before it."""
        return self._edit(edits.remove(self.pipeline, self.selected), position=max(0, self.position - 1))

    def move(self, to: int) -> Self:
        """Move the selected step to another position."""
        return self._edit(edits.move(self.pipeline, self.selected, to))

    def rename(self, name: str, new: str) -> Self:
        """Rename a step, also in the inputs of other steps."""
        pipeline = edits.rename(self.pipeline, name, new.strip())
        form = self._with(self.history.then(pipeline))
        return form.select(new.strip()) if self.selected == name else form

    def switch(self, name: str, on: bool) -> Self:
        """Turn a step on or off."""
        pipeline = edits.change(self.pipeline, name, enabled=on)
        if not any(step.enabled for step in pipeline):
            raise ValueError(f"Step {name!r} is the only step that is on. A run needs at least one.")
        return self._edit(pipeline)

    def set_param(self, name: str, value: Any) -> Self:
        """Set a parameter of the selected function."""
        if self.is_routed:
            function, params = self.routes[self.route]
            # Each route lists all of its params, so the other routes keep theirs.
            routes = {**self.routes, self.route: (function, {**params, name: value})}
            return self._change(f"{self.route}.{name}", function=routes, params={})
        return self._change(name, params={**self.step.params, name: value})

    def set_input(self, number: int, source: str) -> Self:
        """Set an input of the selected step; an empty source removes this and all later inputs."""
        inputs = self.step.inputs or ()
        if number > len(inputs):
            raise ValueError(
                f"Set {self.inputs[len(inputs)][0]} before {self.inputs[number][0]}: inputs cannot be skipped."
            )
        return self._change(
            inputs=(*inputs[:number], source, *inputs[number + 1 :]) if source else inputs[:number]
        )

    def set_output(self, kind: str) -> Self:
        """Set the kind of output of the selected step."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is not a kind of output. Use one of {', '.join(KINDS)}.")
        return self._change(output=kind)

    def set_variable(self, name: str) -> Self:
        """Set the components to process together: one or more ("a,b"), none (empty), or the run's (`RUN`)."""
        return self._change(variable=None if name == RUN else tuple(name.split(",")) if name else ())

    def set_keep(self, keep: bool) -> Self:
        """Choose whether the output of the selected step is saved."""
        return self._change(keep=keep)

    def route_by(self, component: str) -> Self:
        """Give the selected step a function per value of a component; empty for one function."""
        if not component:
            function, params = self.routes[self.route]
            return self._change(function=function, params=params, group_by=None)
        routes = {key: (function, params) for key, (function, params) in self.routes.items()}
        own = routes if component == self.step.group_by else {ANY: routes.get(ANY, self.routes[self.route])}
        return self._change(function=own, params={}, group_by=component)

    def set_route(self, value: str, function: StepFunction) -> Self:
        """Set the function of the selected step for a value, and select it."""
        route = function, _usable(function)[1]
        form = self._change(function={**self._own_routes(), value: route}, params={})
        return form.select(self.selected, value)

    def remove_route(self, value: str) -> Self:
        """Remove the function of the selected step for a value."""
        return self._change(
            function={key: route for key, route in self._own_routes().items() if key != value}, params={}
        )

    def undo(self) -> Self:
        """Undo the last edit."""
        return self._with(self.history.undo())

    def redo(self) -> Self:
        """Redo the last edit that was undone."""
        return self._with(self.history.redo())

    def _own_routes(self) -> dict[str, tuple[StepFunction, Mapping[str, Any]]]:
        if not self.is_routed:
            raise ValueError(
                f"Step {self.selected!r} has one function for all values. First choose a component to route by."
            )
        return self.routes

    def _change(self, _subject: str = "", /, **fields: Any) -> Self:
        pipeline = edits.change(self.pipeline, self.selected, **fields)
        return self._edit(pipeline, subject=_subject and f"{self.selected}.{_subject}")

    def _edit(self, pipeline: Pipeline, subject: str = "", position: int | None = None) -> Self:
        form = self._with(self.history.then(pipeline, subject))
        return form if position is None else form.select(pipeline.steps[position].name)

    def _with(self, history: History) -> Self:
        """Return the state with another history; the same step stays selected, or the one at its position."""
        names = [step.name for step in history.pipeline]
        name = self.selected if self.selected in names else names[min(self.position, len(names) - 1)]
        return replace(self, history=history).select(name, self.route)

    def _usual_inputs(self, signature: Signature) -> tuple[str, ...] | None:
        """Guess the inputs of a new step from the names of its parameters; None for the step before."""
        before = self.pipeline.steps[: self.position + 1]
        usable = [step for step in before if step.output_kind.has_planes]
        last = usable[-1].name if usable else RAW
        wanted = [any(word in name for word in ("label", "mask", "binary")) for name in signature.inputs]
        if len(wanted) < 2:
            return None if last == before[-1].name else (last,)
        labels = next((step.name for step in reversed(usable) if not step.output_kind.has_intensities), last)
        first = labels if wanted[0] else RAW if any(wanted) else last
        return (first, *(labels if wants else RAW for wants in wanted[1:]))


def _usable(function: StepFunction) -> tuple[Signature, dict[str, Any]]:
    """Return the signature of a function and the params it needs; ValueError if it cannot be a step."""
    signature = read_signature(function)
    if signature.reason:
        raise ValueError(signature.reason)
    return signature, {known.name: known.default for known in signature.parameters if known.needed}
