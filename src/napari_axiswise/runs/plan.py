"""What to run: one object that runs, plans, checks, recipes, the command line and the dock hand around."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, wraps
from typing import Any, TypeVar

from ..core.components import ComponentConfiguration, component_name
from ..core.files import check_local
from ..datasets.dataset import Dataset
from ..datasets.opening import open_dataset
from ..executors.choice import check_executor, runs_in_processes
from ..pipeline.pipeline import Pipeline
from ..recipes.options import RunOptions
from ..recipes.recipe import Recipe
from .workers import MEMORY_SHARE, WorkerLimit, check_memory_share

ReturnT = TypeVar("ReturnT")


@dataclass(frozen=True, eq=False)
class _PlanSubject:
    """What is run on what; its fields come before the options."""

    dataset: Dataset
    pipeline: Pipeline


@dataclass(frozen=True, eq=False)
class RunPlan(RunOptions, _PlanSubject):
    """What to run, on what, and how: frozen, and checked when it is made.

    `dataclasses.replace` makes a plan with other options, and checks it again.

    Parameters
    ----------
    dataset : Dataset, or what `open_dataset` takes
        The planes.
    pipeline : Pipeline, or sequence of Step
        The steps.
    axis : str, or sequence of str
        The component to split the work by: one task for each of its values. Or several: one task for each
        combination of their values in the data; ``("well", "timepoint")`` is the same as ``"well,timepoint"``.
        Empty: not chosen yet, which is enough to plan, compare and check.
    variable : str or sequence of str
        Components that steps process together unless they have their own; empty is plane by plane.
    group_by : str, optional
        Component by whose value steps pick their function unless they have their own.
    axis_filter : iterable of str, or of sequences of str, optional
        Only these values of the axis; for several components ``"B02,1"`` or ``("B02", "1")``.
    executor : {"processes", "pool", "threads", "serial", "dask"} or Executor
        Where the tasks run. ``"pool"`` is the standard library's `ProcessPoolExecutor`.
    workers : int, optional
        The number of workers. Left out, one per processor, or as many as fit into memory.
    output : path, optional
        An empty or new folder for the results. Left out, a temporary folder that lives as long as the result.
    resume : bool
        Whether the output folder may hold an unfinished run, split by whatever axis: only what is missing is done.
    time_limit : float, optional
        Seconds that a task may take; one that takes longer fails.
    scheduler : str, optional
        The address of a Dask scheduler, for ``executor="dask"``. Left out, a cluster on this machine.
    memory_share : float
        The share of the free memory that the workers may use together, above 0 and up to 1.
    scratch_folder : path, optional
        Where the temporary folder is made if there is no output folder. Left out, the system's.

    Raises
    ------
    ValueError
        The components or the pipeline do not fit the data or each other, or an option is out of range.
    OSError
        The dataset cannot be opened.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from napari_axiswise.functions import gaussian
    >>> plan = aw.RunPlan("sample-plate", [aw.Step(gaussian)], axis="well", executor="serial")
    >>> replace(plan, axis="timepoint").axis
    'timepoint'
    """

    resume: bool = field(default=False, kw_only=True)
    memory_share: float = field(default=MEMORY_SHARE, kw_only=True)
    scratch_folder: str | os.PathLike[str] | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output is not None:
            check_local(self.output, "The output folder")
        check_executor(self.executor, self.workers, self.scheduler)
        check_memory_share(self.memory_share)
        pipeline: Any = self.pipeline
        self._set(
            dataset=open_dataset(self.dataset),
            pipeline=pipeline if isinstance(pipeline, Pipeline) else Pipeline(pipeline),
        )
        if self.axis:
            self._set(axis=component_name(self.configuration.multiprocessing_axis))
            self.dataset.check(self.configured, self.axis)
        if self.in_processes:
            self.pipeline.active.check_picklable()
        if self.resume and self.output is None:
            raise ValueError("resume=True needs output=…, the output folder of the run to resume.")
        if self.time_limit is not None and not self.time_limit > 0:
            raise ValueError(
                f"time_limit={self.time_limit}: give the seconds that a task may take, or leave it out."
            )

    @cached_property
    def configuration(self) -> ComponentConfiguration[Any]:
        """The axis and the defaults of steps, over an Enum of the dataset's components."""
        return self.dataset.configuration(self.axis, self.variable, self.group_by)

    @cached_property
    def configured(self) -> Pipeline:
        """The enabled steps, with this plan's `variable` and `group_by` where they have none of their own."""
        return self.pipeline.configured(self.variable, self.group_by)

    @property
    def in_processes(self) -> bool:
        """Whether tasks run in processes of their own, so that functions and params must be picklable."""
        return runs_in_processes(self.executor)

    @property
    def worker_limit(self) -> WorkerLimit:
        """The number of workers that fit into memory now; logged where that is fewer than asked for."""
        return WorkerLimit.of(self.dataset, self.configured, self.workers, self.memory_share)

    @property
    def recipe(self) -> Recipe:
        """The text form of the plan.

        Raises
        ------
        ValueError
            The dataset was not opened from files.
        """
        return Recipe.of(self.dataset, self.pipeline, **self.options)

    def without_axis(self) -> RunPlan:
        """Return the same work with no axis, values, output folder or time limit: what trials of axes start from."""
        return replace(
            self, axis="", axis_filter=None, output=None, resume=False, time_limit=None, scheduler=None
        )


def as_plan(dataset: Any, pipeline: Any = None, **options: Any) -> RunPlan:
    """Return a plan as it is, with other options, or made from its parts."""
    if isinstance(dataset, RunPlan):
        if pipeline is not None:
            options["pipeline"] = pipeline
        return replace(dataset, **options) if options else dataset
    if pipeline is None:
        raise TypeError("A run needs a dataset and a pipeline, or a RunPlan.")
    return RunPlan(dataset, pipeline, **options)


def takes_plan(*positional: str) -> Callable[[Callable[..., ReturnT]], Callable[..., ReturnT]]:
    """Let a function that takes a `RunPlan` as ``plan`` take the parts of the plan instead.

    Its signature becomes ``(dataset, pipeline, *positional, *, …)``. A plan in place of the dataset is used as it
    is, or with the other options that are given.

    Parameters
    ----------
    *positional : str
        Options of the plan, or parameters of the function, that can be given by position after the pipeline.
        All others are keyword-only.
    """

    def decorate(function: Callable[..., ReturnT]) -> Callable[..., ReturnT]:
        declared = inspect.signature(function)
        parameters = list(declared.parameters.values())
        place = [each.name for each in parameters].index("plan")
        bound, own = parameters[:place], parameters[place + 1 :]
        public = _public_signature(own, positional)

        @wraps(function)
        def call(*arguments: Any, **options: Any) -> ReturnT:
            values = public.bind(*arguments[place:], **options).arguments
            extra = {each.name: values.pop(each.name) for each in own if each.name in values}
            return function(*arguments[:place], as_plan(**values), **extra)

        signature = declared.replace(parameters=[*bound, *public.parameters.values()])
        call.__signature__ = signature  # type: ignore[attr-defined]
        return call

    return decorate


def _public_signature(own: list[inspect.Parameter], positional: tuple[str, ...]) -> inspect.Signature:
    kinds = inspect.Parameter
    options = [
        kinds(each.name, kinds.KEYWORD_ONLY, default=each.default, annotation=each.type)
        for each in fields(RunPlan)
        if each.name not in ("dataset", "pipeline")
    ]
    others = {each.name: each.replace(kind=kinds.KEYWORD_ONLY) for each in (*options, *own)}
    first = [others.pop(name).replace(kind=kinds.POSITIONAL_OR_KEYWORD) for name in positional]
    return inspect.Signature(
        [
            kinds("dataset", kinds.POSITIONAL_OR_KEYWORD, annotation="RunPlan | Dataset | Any"),
            kinds(
                "pipeline", kinds.POSITIONAL_OR_KEYWORD, default=None, annotation="Pipeline | Sequence[Step]"
            ),
            *first,
            *others.values(),
        ]
    )


RUN_ARGUMENTS = tuple(
    each.name for each in fields(RunPlan) if not each.kw_only and each.name not in ("dataset", "pipeline")
)
"""The options that runs take by position, in their order."""
