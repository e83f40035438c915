"""The state of the editor: a pipeline, the step that is looked at, and what can be chosen for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

from ...core.kinds import KINDS
from ...pipeline import edits
from ...pipeline.edits import History
from ...pipeline.pipeline import Pipeline
from ...pipeline.signatures import Parameter, Signature, read_signature
from ...pipeline.step import ANY, LABELS, RAW, Step, StepFunction
from ..common.choices import Choice

RUN = "as the run"
"""What is shown for a choice that a step leaves to the run."""


@dataclass(frozen=True, eq=False)
class EditorForm:
    """A pipeline that is edited. Every method returns another form, or raises ValueError and changes nothing.

    Parameters
    ----------
    history : History
        The pipeline, and the way back.
    selected : str
        The name of the step whose parameters are shown.
    route : str
        Of that step, the value whose function is shown; ``"*"`` where there is one for all.
    components : mapping
        Of the dataset, from component name to its values.
    labels : tuple of str
        The label images that the dataset has.
    """

    history: History
    selected: str
    route: str = ANY
    components: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, pipeline: Pipeline) -> EditorForm:
        """Return the form of a pipeline of which nothing was edited yet; its first step is looked at."""
        return cls(History(pipeline), pipeline.steps[0].name)

    # ------------------------------------------------------------------ what is shown

    @property
    def pipeline(self) -> Pipeline:
        """As it is now."""
        return self.history.pipeline

    @property
    def step(self) -> Step:
        """The step that is looked at."""
        return self.pipeline[self.selected]

    @property
    def position(self) -> int:
        """Where that is, from 0."""
        return self.pipeline.steps.index(self.step)

    @property
    def routes(self) -> dict[str, tuple[StepFunction, Mapping[str, Any]]]:
        """The function and params of the step for each value; ``"*"`` for all others."""
        return self.step.routes

    @property
    def is_routed(self) -> bool:
        """Whether the step has a function per value of a component."""
        return isinstance(self.step.function, Mapping)

    @property
    def function(self) -> StepFunction:
        """What is looked at of the step."""
        return self.routes[self.route][0]

    @cached_property
    def signature(self) -> Signature:
        """Of that function."""
        return read_signature(self.function)

    @property
    def parameters(self) -> list[tuple[Parameter, Any]]:
        """What can be set of that function, and what it is set to."""
        params = self.routes[self.route][1]
        return [(known, params.get(known.name, known.default)) for known in self.signature.parameters]

    @property
    def inputs(self) -> list[tuple[str, str, list[Choice]]]:
        """The name of each input, what it is (empty for none), and what it could be."""
        sources = [
            (f"{RAW} (the images)", RAW),
            *((f"{name} (of the data)", LABELS + name) for name in self.labels),
            *((step.name, step.name) for step in self.pipeline.steps[: self.position]),
        ]
        given = self.step.inputs or ()
        needed = max(1, len(self.signature.inputs))
        names = (*self.signature.inputs, *self.signature.optional_inputs)
        rows = []
        for number in range(max(len(names), len(given))):
            source = given[number] if number < len(given) else ""
            there = sources if number < needed else [("none", ""), *sources]
            unknown = [(source, source)] if source not in (value for _, value in there) else []
            rows.append((names[number] if number < len(names) else "input", source, [*there, *unknown]))
        return rows

    @property
    def variable_choices(self) -> list[Choice]:
        """What a step can say of what it stacks."""
        return [(RUN, RUN), ("plane by plane", ""), *((f"stack {name}", name) for name in self.components)]

    @property
    def group_choices(self) -> list[Choice]:
        """By what a step can choose its function."""
        chosen = self.step.group_by
        names = [*self.components, *([chosen] if chosen and chosen not in self.components else [])]
        return [("one for all", ""), *((f"by {name}", name) for name in names)]

    @property
    def values(self) -> list[str]:
        """The values of the component that routes which have no function of their own."""
        known = self.components.get(self.step.group_by or "", ())
        return [value for value in known if value not in self.routes]

    # ------------------------------------------------------------------ edits

    def show(self, pipeline: Pipeline) -> Self:
        """Return the form of another pipeline, which can be undone."""
        return self._with(self.history.then(pipeline))

    def offer(self, components: Mapping[str, tuple[str, ...]], labels: tuple[str, ...]) -> Self:
        """Return the form for another dataset."""
        return replace(self, components=components, labels=labels)

    def select(self, name: str, route: str | None = None) -> Self:
        """Return the form that looks at another step, or at another function of it."""
        routes = self.pipeline[name].routes
        return replace(self, selected=name, route=route if route in routes else next(iter(routes)))

    def add(self, function: StepFunction) -> Self:
        """Return the form with one more step behind the one that is looked at, which is looked at then."""
        signature, params = _usable(function)
        step = Step(function, params, inputs=self._usual_inputs(signature), output=signature.output)
        pipeline = edits.add(self.pipeline, step, after=self.selected)
        return self._with(self.history.then(pipeline)).select(pipeline.steps[self.position + 1].name)

    def remove(self) -> Self:
        """Return the form without the step; the one before it is looked at."""
        return self._edit(edits.remove(self.pipeline, self.selected), position=max(0, self.position - 1))

    def move(self, to: int) -> Self:
        """Return the form with the step at another position."""
        return self._edit(edits.move(self.pipeline, self.selected, to))

    def rename(self, name: str, new: str) -> Self:
        """Return the form in which a step has another name, also for those that take its output."""
        pipeline = edits.rename(self.pipeline, name, new.strip())
        form = self._with(self.history.then(pipeline))
        return form.select(new.strip()) if self.selected == name else form

    def switch(self, name: str, on: bool) -> Self:
        """Return the form in which a step is done, or passed over."""
        pipeline = edits.change(self.pipeline, name, enabled=on)
        if not any(step.enabled for step in pipeline):
            raise ValueError(f"{name!r} is the only step that is on, and a run needs one.")
        return self._edit(pipeline)

    def set_param(self, name: str, value: Any) -> Self:
        """Return the form in which the function has another value for a parameter."""
        if self.is_routed:
            function, params = self.routes[self.route]
            # Params of all functions are told with each: the others keep theirs.
            routes = {**self.routes, self.route: (function, {**params, name: value})}
            return self._change(f"{self.route}.{name}", function=routes, params={})
        return self._change(name, params={**self.step.params, name: value})

    def set_input(self, number: int, source: str) -> Self:
        """Return the form in which an input of the step is another; empty: from this one on, none is given."""
        inputs = self.step.inputs or ()
        if number > len(inputs):
            raise ValueError(
                f"Give {self.inputs[len(inputs)][0]} before {self.inputs[number][0]}: inputs are in order."
            )
        return self._change(
            inputs=(*inputs[:number], source, *inputs[number + 1 :]) if source else inputs[:number]
        )

    def set_output(self, kind: str) -> Self:
        """Return the form in which the step makes something else."""
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no output; there are {', '.join(KINDS)}.")
        return self._change(output=kind)

    def set_variable(self, name: str) -> Self:
        """Return the form in which the step stacks components ("a,b" for two), none (empty), or what the run says."""
        return self._change(variable=None if name == RUN else tuple(name.split(",")) if name else ())

    def set_keep(self, keep: bool) -> Self:
        """Return the form in which the output of the step is written, or is not."""
        return self._change(keep=keep)

    def route_by(self, component: str) -> Self:
        """Return the form in which the step has a function per value of a component; empty: one for all."""
        if not component:
            function, params = self.routes[self.route]
            return self._change(function=function, params=params, group_by=None)
        routes = {key: (function, params) for key, (function, params) in self.routes.items()}
        own = routes if component == self.step.group_by else {ANY: routes.get(ANY, self.routes[self.route])}
        return self._change(function=own, params={}, group_by=component)

    def set_route(self, value: str, function: StepFunction) -> Self:
        """Return the form in which the step has a function for a value, which is looked at then."""
        route = function, _usable(function)[1]
        form = self._change(function={**self._own_routes(), value: route}, params={})
        return form.select(self.selected, value)

    def remove_route(self, value: str) -> Self:
        """Return the form in which the step has no function for a value."""
        return self._change(
            function={key: route for key, route in self._own_routes().items() if key != value}, params={}
        )

    def undo(self) -> Self:
        """Return the form before the last edit."""
        return self._with(self.history.undo())

    def redo(self) -> Self:
        """Return the form with the edit that was undone last."""
        return self._with(self.history.redo())

    def _own_routes(self) -> dict[str, tuple[StepFunction, Mapping[str, Any]]]:
        if not self.is_routed:
            raise ValueError(
                f"Step {self.selected!r} has one function for all. Choose a component to route by first."
            )
        return self.routes

    def _change(self, _subject: str = "", /, **fields: Any) -> Self:
        pipeline = edits.change(self.pipeline, self.selected, **fields)
        return self._edit(pipeline, subject=_subject and f"{self.selected}.{_subject}")

    def _edit(self, pipeline: Pipeline, subject: str = "", position: int | None = None) -> Self:
        form = self._with(self.history.then(pipeline, subject))
        return form if position is None else form.select(pipeline.steps[position].name)

    def _with(self, history: History) -> Self:
        """Return the form of another pipeline, which looks at the same step if there is one, or else at its place."""
        names = [step.name for step in history.pipeline]
        name = self.selected if self.selected in names else names[min(self.position, len(names) - 1)]
        return replace(self, history=history).select(name, self.route)

    def _usual_inputs(self, signature: Signature) -> tuple[str, ...] | None:
        """Return what a function that is added most likely takes, by the names of its inputs; None: the step before."""
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
    """Return how a function is called, and the params it needs; ValueError if it cannot be a step."""
    signature = read_signature(function)
    if signature.reason:
        raise ValueError(signature.reason)
    return signature, {known.name: known.default for known in signature.parameters if known.needed}
