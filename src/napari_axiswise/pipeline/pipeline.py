"""Pipeline: steps in order, with everything that was left out filled in, as frozen data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import cloudpickle

from ..core.axes import axis_parts
from ..core.grid import IMAGES
from ..core.text import quote_names
from .annotations import signature_of
from .calling import dumps
from .step import ANY, LABELS, RAW, Step, StepFunction, function_name


class Pipeline:
    """Steps, in order, with everything that was left out filled in.

    Two steps that were not named and would be called the same are numbered.

    Parameters
    ----------
    steps : iterable of Step
        A function stands for a step of its own.

    Attributes
    ----------
    steps : tuple of Step
        With ``name``, ``inputs``, ``output`` and ``keep`` set.

    Raises
    ------
    ValueError
        No steps; two steps of one name; an input that is no earlier step; params that a function does not take.

    Examples
    --------
    >>> from napari_axiswise.functions import label_objects, measure_regions, otsu_threshold
    >>> pipeline = aw.Pipeline(
    ...     [
    ...         aw.Step(otsu_threshold, name="mask"),
    ...         aw.Step(label_objects, name="nuclei", output="labels"),
    ...         aw.Step(measure_regions, name="cells", inputs=("nuclei", "raw")),
    ...     ]
    ... )
    >>> [step.name for step in pipeline.kept]
    ['nuclei', 'cells']
    """

    steps: tuple[Step, ...]

    def __init__(self, steps: Iterable[Step | StepFunction] | Step | StepFunction) -> None:
        given = [step if isinstance(step, Step) else Step(step) for step in _listed_steps(steps)]
        if not given:
            raise ValueError("A pipeline needs at least one step.")
        done: dict[str, Step] = {}
        for index, step in enumerate(given):
            name = step.name if step.named else _free_name(step.name, done)
            if name.casefold() in map(str.casefold, done):
                raise ValueError(f"Two steps are named {name!r}; give each a name of its own.")
            previous = list(done)[-1] if done else RAW
            inputs = step.inputs if step.inputs is not None else (previous,)
            if not inputs:
                raise ValueError(
                    f"Step {name!r} has no inputs; leave inputs out for the step before, or give 'raw'."
                )
            for source in inputs:
                if source != RAW and source not in done and not source.startswith(LABELS):
                    later = any(source == other.name for other in given[index:])
                    raise ValueError(
                        f"Step {name!r} has input {source!r}, which is no earlier step"
                        f"{' but comes later: steps take what is made before them' if later else ''}; "
                        f"there {'are' if done else 'is'} {quote_names([RAW, *done])}."
                    )
            keep = step.keep if step.keep is not None else _is_kept(step, index == len(given) - 1)
            done[name] = replace(step, name=name, inputs=inputs, keep=keep)
            _check_params(done[name])
        object.__setattr__(self, "steps", tuple(done.values()))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A Pipeline is frozen: make a new one instead of setting {name!r}.")

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(
            f"There is no step {name!r}; there {'are' if len(self) > 1 else 'is'} {quote_names(s.name for s in self)}."
        )

    def __repr__(self) -> str:
        return f"Pipeline({' → '.join(step.name for step in self)})"

    def __reduce__(self) -> tuple[Callable[[bytes], Pipeline], tuple[bytes]]:
        # By value, so that functions typed into a console reach the workers through any executor's pickle.
        try:
            return _load_pipeline, (dumps(self.steps),)
        except Exception:
            self.check_picklable()
            raise

    @property
    def said(self) -> tuple[Step, ...]:
        """The steps without the inputs and `keep` that they would have if these were left out."""
        before = (RAW, *(step.name for step in self.steps))
        last = self.steps[-1]
        return tuple(
            replace(
                step,
                inputs=None if step.inputs == (previous,) else step.inputs,
                keep=None if step.keep == _is_kept(step, step is last) else step.keep,
            )
            for previous, step in zip(before, self.steps, strict=False)
        )

    @property
    def active(self) -> Pipeline:
        """The pipeline without the steps that are switched off.

        Raises
        ------
        ValueError
            All of them are.
        """
        if all(step.enabled for step in self.steps):
            return self
        stand_in: dict[str, str] = {}
        steps = []
        for step, said in zip(self.steps, self.said, strict=True):
            inputs = tuple(stand_in.get(name, name) for name in step.inputs or ())
            if step.enabled:
                steps.append(replace(said, inputs=inputs))
            else:
                stand_in[step.name] = inputs[0]
        if not steps:
            raise ValueError("All steps of the pipeline are switched off. Switch one on.")
        return Pipeline(steps)

    @property
    def kept(self) -> tuple[Step, ...]:
        """The steps whose output is written."""
        return tuple(step for step in self.steps if step.keep)

    def plate_folder(self, step: Step) -> str:
        """Return the folder of the plate that a kept step's planes are in, relative to the output.

        The output itself is the plate of the first step that keeps images, and of the labels of all steps.
        """
        images = [kept.name for kept in self.kept if kept.output_kind.has_intensities]
        return f"{IMAGES}/{step.name}" if step.name in images[1:] else ""

    @property
    def stacked(self) -> frozenset[str]:
        """The components that a step stacks, of a pipeline that is configured."""
        return frozenset(name for step in self.steps for name in step.variable or ())

    @property
    def given(self) -> frozenset[str]:
        """The inputs of steps that the dataset has: its planes, and label images beside them."""
        inputs = {name for step in self.steps for name in step.inputs or ()}
        return frozenset({RAW, *(name for name in inputs if name.startswith(LABELS))})

    def configured(self, variable: Sequence[str], group_by: str | None) -> Pipeline:
        """Return the active pipeline, in which steps that left out `variable` or `group_by` have these.

        A step never groups by what it stacks: then a `group_by` that was left out stays so.
        """
        steps = []
        for step in self.active:
            own_variable = step.variable if step.variable is not None else tuple(variable)
            own_group = step.group_by
            if own_group is None and group_by not in own_variable:
                own_group = group_by
            steps.append(replace(step, variable=own_variable, group_by=own_group))
        return Pipeline(steps)

    def check(self, components: Mapping[str, Sequence[str]], axis: str, labels: Iterable[str] = ()) -> None:
        """Check a configured pipeline against the data, before anything runs.

        Parameters
        ----------
        components : mapping
            From each component of the data to its values.
        axis : str
            The multiprocessing axis, which may be a product.
        labels : iterable of str
            The label images that the data have.

        Raises
        ------
        ValueError
            A step takes labels that are not there, stacks the axis or a component that is not there, groups by
            what it stacks, or has no function for a value. The message names the step.
        """
        there = [RAW, *(LABELS + name for name in labels)]
        for step in self.steps:
            for name in step.inputs or ():
                if name in self.given and name not in there:
                    raise ValueError(
                        f"Step {step.name!r} has input {name!r}, which the data do not have; "
                        f"there {'are' if len(there) > 1 else 'is'} {quote_names(there)}."
                    )
            variable = step.variable or ()
            for name in (*variable, *((step.group_by,) if step.group_by else ())):
                if name not in components:
                    raise ValueError(
                        f"Step {step.name!r} uses the component {name!r}, "
                        f"which the data does not have; it has {quote_names(components)}."
                    )
            for part in axis_parts(axis, components):
                if part not in variable:
                    continue
                others = [name for name in components if name not in variable]
                raise ValueError(
                    f"Step {step.name!r} stacks {part!r}, so {part!r} cannot be the multiprocessing axis: a task "
                    f"would have one of its values only. Split by {quote_names(others, 'or')} instead."
                )
            if step.group_by in variable:
                raise ValueError(
                    f"Step {step.name!r} both stacks and groups by {step.group_by!r}; leave it out of one of the two."
                )
            if ANY in step.routes:
                continue
            if step.group_by is None:
                raise ValueError(
                    f"Step {step.name!r} has a function per value: say of which component, group_by=…"
                )
            missing = [value for value in components[step.group_by] if value not in step.routes]
            if missing:
                raise ValueError(
                    f"Step {step.name!r} has no function for {step.group_by} {quote_names(missing)}; "
                    f"it has {quote_names(step.routes)}. Add one, or '*' for all others."
                )

    def check_picklable(self) -> None:
        """Check that every step can be sent to a worker process.

        Raises
        ------
        ValueError
            Names the step, and says what to do.
        """
        for step in self.steps:
            try:
                cloudpickle.loads(dumps(step))
            except Exception as error:
                raise ValueError(
                    f"Step {step.name!r} cannot be sent to a worker process: {type(error).__name__}: {error}. "
                    "Make what it holds (open files, locks, models) inside its function, "
                    "or run it with executor='threads'."
                ) from error


def _listed_steps(steps: Iterable[Step | StepFunction] | Step | StepFunction) -> list[Step | StepFunction]:
    if isinstance(steps, Step) or (callable(steps) and not isinstance(steps, Iterable)):
        return [steps]
    return list(steps)


def _load_pipeline(data: bytes) -> Pipeline:
    return Pipeline(cloudpickle.loads(data))


def _is_kept(step: Step, is_last: bool) -> bool:
    """Whether the output of a step that does not say is written."""
    return is_last or step.output_kind.kept


def _free_name(name: str, taken: Mapping[str, Step]) -> str:
    numbered = (f"{name} {number}" for number in range(2, len(taken) + 3))
    return next(free for free in (name, *numbered) if free not in taken)


def _check_params(step: Step) -> None:
    """Raise ValueError where a function would not take the step's inputs and params."""
    for function, params in step.routes.values():
        signature = signature_of(function)
        if signature is None:
            continue
        try:
            signature.bind(*(step.inputs or ()), **params)
        except TypeError as error:
            raise ValueError(
                f"Step {step.name!r} cannot call {function_name(function)}{signature} with "
                f"{len(step.inputs or ())} input(s) and {quote_names(params)} params: {error}."
            ) from error
