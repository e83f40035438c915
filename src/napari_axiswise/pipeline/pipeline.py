"""Pipeline: a frozen sequence of steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from ..core.axes import axis_parts
from ..core.grid import IMAGES
from ..core.text import quote_names
from .annotations import signature_of
from .code.parcel import Parcel, deliver
from .code.pickling import NotImportable, check_loads, dumps_each
from .stacks import stack_refusal
from .step import ANY, LABELS, RAW, Step, StepFunction, folder_key, function_name
from .unit_info import asked_information


class Pipeline:
    """Frozen sequence of steps, with defaults filled in.

    Unnamed steps that would have the same name are numbered.

    Parameters
    ----------
    steps : iterable of Step
        Functions become steps with default options.

    Attributes
    ----------
    steps : tuple of Step
        Steps with ``name``, ``inputs``, ``output`` and ``keep`` set.

    Raises
    ------
    ValueError
        There are no steps, two steps have the same name, an input is not an earlier step, or a function does not accept
        its params.

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
    _parcel: Parcel | None

    def __init__(self, steps: Iterable[Step | StepFunction] | Step | StepFunction) -> None:
        listed = [step if isinstance(step, Step) else Step(step) for step in _as_list(steps)]
        if not listed:
            raise ValueError("A pipeline needs at least one step.")
        done: dict[str, Step] = {}
        for index, step in enumerate(listed):
            name = step.name if step.named else _free_name(step.name, done)
            if folder_key(name) in map(folder_key, done):
                raise ValueError(f"Two steps are named {name!r}. Give each step a different name.")
            previous = list(done)[-1] if done else RAW
            inputs = step.inputs if step.inputs is not None else (previous,)
            if not inputs:
                raise ValueError(
                    f"Step {name!r} has inputs=(). Leave inputs out for the step before, or use 'raw'."
                )
            for source in inputs:
                if source != RAW and source not in done and not source.startswith(LABELS):
                    raise ValueError(
                        f"Step {name!r} has input {source!r}, which is not a step before it. "
                        f"Use {quote_names([RAW, *done], 'or')}."
                    )
            keep = step.keep if step.keep is not None else _is_kept(step, index == len(listed) - 1)
            done[name] = replace(step, name=name, inputs=inputs, keep=keep)
            _check_params(done[name])
        object.__setattr__(self, "steps", tuple(done.values()))
        object.__setattr__(self, "_parcel", None)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"A Pipeline cannot be changed: create a new one instead of setting {name!r}.")

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(
            f"There is no step {name!r}. The pipeline has {quote_names(step.name for step in self)}."
        )

    def __repr__(self) -> str:
        return f"Pipeline({' → '.join(step.name for step in self)})"

    def __reduce__(self) -> tuple[Callable[[Parcel], Pipeline], tuple[Parcel]]:
        # As a parcel, so that any executor can send functions typed into a console, and workers run the same code.
        return _open_parcel, (self._parcel or self._pack(),)

    def _pack(self) -> Parcel:
        try:
            return Parcel.of(self.steps)
        except Exception:
            self.check_picklable()
            raise

    def sealed(self) -> Pipeline:
        """Return the same pipeline, pickled now: workers run it with the code and variables that it has now."""
        sealed = Pipeline(self.steps)
        object.__setattr__(sealed, "_parcel", self._pack())
        return sealed

    @property
    def without_defaults(self) -> tuple[Step, ...]:
        """The steps, with ``inputs`` and ``keep`` set to None where they have their defaults."""
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
        """The pipeline without disabled steps. Steps that follow a disabled one get its first input instead.

        Raises
        ------
        ValueError
            All steps are disabled.
        """
        if all(step.enabled for step in self.steps):
            return self
        replacements: dict[str, str] = {}
        steps = []
        for step, plain in zip(self.steps, self.without_defaults, strict=True):
            inputs = tuple(replacements.get(name, name) for name in step.inputs or ())
            if step.enabled:
                steps.append(replace(plain, inputs=inputs))
            else:
                replacements[step.name] = inputs[0]
        if not steps:
            raise ValueError("All steps of the pipeline are turned off. Turn one on.")
        return Pipeline(steps)

    @property
    def kept(self) -> tuple[Step, ...]:
        """The steps whose output is saved."""
        return tuple(step for step in self.steps if step.keep)

    def plate_folder(self, step: Step) -> str:
        """Return the path in the output of the plate with a kept step's planes.

        It is empty for the first step that keeps images, and for the labels of all steps.
        """
        images = [kept.name for kept in self.kept if kept.output_kind.has_intensities]
        return f"{IMAGES}/{step.name}" if step.name in images[1:] else ""

    @property
    def stacked(self) -> frozenset[str]:
        """Components that at least one step stacks. Requires a configured pipeline."""
        return frozenset(name for step in self.steps for name in step.variable or ())

    @property
    def dataset_inputs(self) -> frozenset[str]:
        """Inputs that come from the dataset: ``"raw"``, and label images."""
        inputs = {name for step in self.steps for name in step.inputs or ()}
        return frozenset({RAW, *(name for name in inputs if name.startswith(LABELS))})

    def configured(self, variable: Sequence[str], group_by: str | None) -> Pipeline:
        """Return the active pipeline with default `variable` and `group_by` filled in.

        A step that stacks the default `group_by` component gets no `group_by`.
        """
        steps = []
        for step in self.active:
            own_variable = step.variable if step.variable is not None else tuple(variable)
            own_group = step.group_by
            if own_group is None and group_by not in own_variable:
                own_group = group_by
            steps.append(replace(step, variable=own_variable, group_by=own_group))
        return Pipeline(steps)

    def check(
        self,
        components: Mapping[str, Sequence[str]],
        axis: str,
        available: Sequence[str] = (RAW,),
        made_of: str = "",
    ) -> None:
        """Check that a configured pipeline can run on a dataset.

        Parameters
        ----------
        components : mapping
            The values of each component of the dataset.
        axis : str
            The multiprocessing axis, which may be a product.
        available : sequence of str
            The inputs that the dataset has; see `Dataset.inputs`.
        made_of : str
            Where the images are of which a dataset of labels alone was made, if known.

        Raises
        ------
        ValueError
            A step uses an input or a component that the dataset does not have, gets a stack that its function does not
            work on, stacks the axis, groups by a component that it stacks, or has no function for a value. The message
            names the step.
        """
        self._check_stacks(components)
        for step in self.steps:
            self._check_inputs(step, available, made_of)
            _check_components(step, components, axis)
            _check_routes(step, components)

    def _check_inputs(self, step: Step, available: Sequence[str], made_of: str) -> None:
        """Raise ValueError if the dataset lacks an input of a step."""
        for name in step.inputs or ():
            if name == RAW and name not in available:
                raise ValueError(
                    f"Step {step.name!r} has input {RAW!r}, but the dataset has no images: it is the output of a run "
                    f"that kept only labels. Use {quote_names(available, 'or')}, or open the images that the run was "
                    f"made of{f': {made_of}' if made_of else ''}."
                )
            if name in self.dataset_inputs and name not in available:
                raise ValueError(
                    f"Step {step.name!r} has input {name!r}, which the dataset does not have. "
                    f"Use {quote_names(available, 'or')}."
                )

    def _check_stacks(self, components: Iterable[str]) -> None:
        """Raise ValueError if a step certainly gets a stack that its function does not work on.

        A step that stacks a component may remove it, so the stacks of later steps are checked when they are there.
        """
        certain = dict.fromkeys(self.dataset_inputs, frozenset(components))
        for step in self.steps:
            inputs: frozenset[str] = frozenset().union(*(certain[name] for name in step.inputs or ()))
            variable = step.variable or ()
            stacked = [name for name in variable if name in inputs]
            for function, params in step.routes.values():
                refusal = stack_refusal(function, params, stacked)
                if refusal:
                    raise ValueError(f"Step {step.name!r} cannot run: {refusal}")
            certain[step.name] = inputs.difference(variable)

    def check_picklable(self) -> None:
        """Check that every step can be pickled, to be sent to a worker process.

        Raises
        ------
        ValueError
            A step cannot be pickled, or uses what a worker cannot import. The message names it.
        """
        for step in self.steps:
            try:
                check_loads(dumps_each([step]))
            except NotImportable as error:
                raise ValueError(
                    f"Step {step.name!r} cannot be sent to a worker process: {error}, or run it with "
                    "executor='threads'."
                ) from error
            except Exception as error:
                raise ValueError(
                    f"Step {step.name!r} cannot be sent to a worker process: {type(error).__name__}: {error}. "
                    "Create open files, locks or models inside its function, or run it with executor='threads'."
                ) from error


def _as_list(steps: Iterable[Step | StepFunction] | Step | StepFunction) -> list[Step | StepFunction]:
    if isinstance(steps, Step) or (callable(steps) and not isinstance(steps, Iterable)):
        return [steps]
    return list(steps)


def _open_parcel(parcel: Parcel) -> Pipeline:
    return cast(Pipeline, deliver(parcel, Pipeline))


def _is_kept(step: Step, is_last: bool) -> bool:
    """Return the default of ``keep``."""
    return is_last or step.output_kind.kept


def _free_name(name: str, used: Mapping[str, Step]) -> str:
    numbered = (f"{name} {number}" for number in range(2, len(used) + 3))
    keys = set(map(folder_key, used))
    return next(free for free in (name, *numbered) if folder_key(free) not in keys)


def _check_components(step: Step, components: Mapping[str, Sequence[str]], axis: str) -> None:
    """Raise ValueError if the dataset lacks a component of a step, or the step uses it in two ways."""
    variable = step.variable or ()
    for name in (*variable, *((step.group_by,) if step.group_by else ())):
        if name not in components:
            raise ValueError(
                f"Step {step.name!r} uses the component {name!r}, which the dataset does not have. "
                f"Use {quote_names(components, 'or')}."
            )
    for part in axis_parts(axis, components):
        if part in variable:
            others = [name for name in components if name not in variable]
            raise ValueError(
                f"Step {step.name!r} stacks {part!r}, so the run cannot be split by {part!r}: each task would have "
                f"only one of its values. Split by {quote_names(others, 'or')} instead."
            )
    if step.group_by in variable:
        raise ValueError(
            f"Step {step.name!r} has {step.group_by!r} both in variable and as group_by. Remove one of them."
        )


def _check_routes(step: Step, components: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError if a step has no function for a value."""
    if ANY in step.routes:
        return
    if step.group_by is None:
        raise ValueError(
            f"Step {step.name!r} has a function per value, but no group_by. Set group_by to the component."
        )
    missing = [value for value in components[step.group_by] if value not in step.routes]
    if missing:
        raise ValueError(
            f"Step {step.name!r} has no function for {step.group_by} {quote_names(missing)}, only for "
            f"{quote_names(step.routes)}. Add one, or '*' for all other values."
        )


def _check_params(step: Step) -> None:
    """Raise ValueError if a function does not accept the step's inputs and params."""
    for function, params in step.routes.values():
        signature = signature_of(function)
        if signature is None:
            continue
        try:
            asked = dict.fromkeys(asked_information(function))
            signature.bind(*(step.inputs or ()), **{**asked, **params})
        except TypeError as error:
            raise ValueError(
                f"Step {step.name!r} cannot call {function_name(function)}{signature} with "
                f"{len(step.inputs or ())} input(s) and the params {quote_names(params)}: {error}."
            ) from error
