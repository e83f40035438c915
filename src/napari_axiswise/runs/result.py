"""The result of a run, and opening it again from its output folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_parts, value_codes
from ..core.events import TaskEvent
from ..core.files import check_local
from ..core.kinds import PlaneKind
from ..datasets.dataset import Dataset
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from ..planes.table import Planes
from ..results.records import TaskOutput
from ..results.run_log.contents import RunLogContents, describe_damage
from ..results.run_log.description import DatasetDescription, StepDescription, read_description
from ..results.run_log.lines import DESCRIPTION, RUN_LOG
from ..results.run_log.schema import EndLine, ParentLine, RunLine, RunLogSchema, TaskLine
from ..results.run_log.task_log import read_tasks
from ..results.step_output import PlaneState
from ..results.store import ResultStore
from .resume import FinishedWork

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class RunResult:
    """The result of a run.

    Parameters
    ----------
    dataset : Dataset
        The dataset.
    pipeline : Pipeline
        The pipeline.
    axis : str
        The component that the run was split by, or a product of several: ``"well,timepoint"``.
    outcomes : dict
        From axis value to the last `TaskEvent` of the task, for every task that was planned.
    store : ResultStore
        The store of the outputs.
    warnings : tuple of str
        Stacks that are shorter than others, because the dataset lacks planes. Empty before the run begins.
    unfinished : str
        Why the metadata and tables of the output could not be written when the tasks had ended; empty if they were, or
        if the tasks have not ended. Resuming the run writes them.

    Examples
    --------
    >>> import numpy as np
    >>> result = aw.run("sample-plate", [aw.Step(np.sqrt, name="root")], axis="well", executor="serial")
    >>> result.missing, result.failures
    ((), {})
    >>> result.plane_state("root", well="B02", site="1", timepoint="1")
    'written'
    """

    dataset: Dataset
    pipeline: Pipeline
    axis: str
    outcomes: dict[str, TaskEvent]
    store: ResultStore
    warnings: tuple[str, ...] = ()
    unfinished: str = ""

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for event in self.outcomes.values():
            counts[event.status] = counts.get(event.status, 0) + 1
        summary = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no tasks"
        summary += ", not finished" if self.unfinished else ""
        return f"<RunResult by {self.axis}: {summary}; {self.output}>"

    @property
    def results(self) -> dict[str, TaskOutput | None]:
        """From axis value to `TaskOutput`, or None if the task is not done."""
        return {v: event.result if event.status == "done" else None for v, event in self.outcomes.items()}

    @property
    def failures(self) -> dict[str, TaskEvent]:
        """From axis value to event, for tasks that failed or were lost; see its ``error`` and ``traceback``."""
        return {value: event for value, event in self.outcomes.items() if event.status in ("failed", "lost")}

    @property
    def missing(self) -> tuple[str, ...]:
        """Axis values of the tasks that are not done; of all tasks if the output is `unfinished`."""
        return tuple(
            value for value, event in self.outcomes.items() if event.status != "done" or self.unfinished
        )

    @property
    def output(self) -> str:
        """The output folder."""
        return str(self.store.root)

    def save(self, folder: str | os.PathLike[str], csv: bool = False) -> Path:
        """Copy the result, with its run log and recipe, to another folder.

        Parameters
        ----------
        folder : path
            A folder that is empty or does not exist.
        csv : bool
            Also write tables as CSV files.

        Returns
        -------
        Path
            The folder, which `open_result` opens.

        Raises
        ------
        ValueError
            The folder is an address.
        FileExistsError
            The folder is not empty, or it is inside the result.
        OSError
            The folder cannot be written to.
        """
        check_local(folder, "A copy of the result")
        target = Path(folder).expanduser().resolve()
        self.store.copy_to(target)
        if csv:
            open_result(target).export_csv()
        return target

    def export_csv(self, raw: bool = False) -> list[Path]:
        """Write the tables as CSV files into the folder ``tables`` of the output, and return their paths.

        Parameters
        ----------
        raw : bool
            Whether to write texts as they are. By default, those that a spreadsheet would run as formulas get an
            apostrophe in front.

        Raises
        ------
        OSError
            A file cannot be written.
        """
        return self.store.write_csv(raw)

    def merged_with(self, previous: RunResult) -> RunResult:
        """Return this result, with outcomes of an earlier run for the tasks that have none."""
        outcomes = previous.outcomes | self.outcomes
        values = self.dataset.index.axis_values(self.axis)
        outcomes = {value: outcomes[value] for value in values if value in outcomes}
        # The earlier run had these tasks too.
        return replace(self, outcomes=outcomes, warnings=previous.warnings or self.warnings)

    def read(self, step: str, **components: str) -> NDArray[Any]:
        """Return one plane of a kept step's output, shape (Y, X).

        Parameters
        ----------
        step : str
            A step whose output is images or labels.
        **components : str
            A value per component. Components with one value, and those that the output lacks, may be omitted.

        Raises
        ------
        KeyError
            The step or a value does not exist, or the plane was not written.
        ValueError
            A component does not exist or is missing, or the output is a table or points.
        """
        kind = self.pipeline[step].output_kind
        if not kind.has_planes:
            raise ValueError(
                f"The output of step {step!r} is {kind.phrase}, not planes. Use .table, or .points({step!r})."
            )
        return self.store.read(step, self.store.codes(step, components))

    def plane_state(self, step: str, **components: str) -> PlaneState:
        """Return the state of one plane of a kept step's output.

        Parameters
        ----------
        step, **components
            See `read`.

        Returns
        -------
        {"written", "missing", "failed", "pending"}
            It was written; the dataset has no such plane; its unit or task failed; its task has not ended.

        Raises
        ------
        KeyError, ValueError
            See `read`.
        """
        return self.store.state(step, self.store.codes(step, components))

    def points(self, step: str) -> pd.DataFrame:
        """Return the points of a step: a row per point, a column per component, then ``y`` and ``x`` in pixels.

        Raises
        ------
        KeyError
            The step does not exist.
        ValueError
            Its output is not points.
        """
        kind = self.pipeline[step].output_kind
        if kind.has_planes or kind.in_table:
            raise ValueError(f"The output of step {step!r} is {kind.phrase}, not points.")
        return self.store.table(step)

    @cached_property
    def table(self) -> pd.DataFrame:
        """The measurements: a row per object, a column per component, then the measured values.

        If several steps have tables, the rows of all of them, with the name of the step in the column ``step``.
        """
        import pandas as pd

        steps = [step.name for step in self.pipeline.kept if step.output_kind.in_table]
        frames = {name: self.store.table(name) for name in steps}
        if len(frames) < 2:
            return next(iter(frames.values()), pd.DataFrame())
        return pd.concat(frames, names=["step"]).reset_index("step").reset_index(drop=True)

    @property
    def timings(self) -> pd.DataFrame:
        """A row per task: its status, worker, start and end, and seconds of reading, computing and writing."""
        import pandas as pd

        rows = []
        for value, event in self.outcomes.items():
            output = event.result if isinstance(event.result, TaskOutput) else None
            rows.append(
                {
                    "axis_value": value,
                    "status": event.status,
                    "worker": event.worker,
                    "started": event.started,
                    "stopped": event.stopped,
                    "seconds": None if event.started is None or event.stopped is None
                    else event.stopped - event.started,
                    "planes": output.plane_count if output else 0,
                    "units": output.unit_count if output else 0,
                    "reading": output.reading if output else None,
                    "computing": output.computing if output else None,
                    "writing": output.writing if output else None,
                }
            )  # fmt: skip
        return pd.DataFrame(rows)


def open_result(folder: str | os.PathLike[str]) -> RunResult:
    """Open the result of a run that is complete, was interrupted, or is still running.

    No code of the run is loaded: its pipeline has no functions, and its dataset has no planes.

    Parameters
    ----------
    folder : path
        The output folder of a run.

    Returns
    -------
    RunResult
        Tasks without an outcome count as cancelled.

    Raises
    ------
    FileNotFoundError
        The folder is not the output folder of a run.
    ValueError
        The folder is an address.

    Examples
    --------
    >>> import numpy as np
    >>> _ = aw.run("sample-plate", [aw.Step(np.sqrt, name="root")], "well", executor="serial", output="kept")
    >>> aw.open_result("kept").read("root", well="B02", site="1", timepoint="1", channel="1").shape
    (96, 96)
    """
    check_local(folder, "A result to open")
    root = Path(folder).expanduser().resolve()
    try:
        description = read_description(root)
        dataset = _stand_in_dataset(description.dataset)
        pipeline = Pipeline([_stand_in_step(step) for step in description.pipeline])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileNotFoundError(
            f"{root} is not the output of a run: it has no readable {RUN_LOG}/{DESCRIPTION} ({reason}). "
            "Choose the output folder of a run."
        ) from error
    schema = RunLogSchema(root, description)
    lines, damaged = read_tasks(root, schema)
    axis, planned, events = _outcomes(lines, description.axis)
    components = dataset.components
    store = ResultStore(root, components, dataset.shape, dataset.calibration, "read", description.sharded)
    contents = RunLogContents.read(root, schema)
    damaged += contents.damaged
    work = FinishedWork(contents, dataset.index, pipeline, axis, include_incomplete=True)
    outcomes = {}
    for value in components.get(axis) or _recorded_values({*planned, *work.axis_values}, axis, components):
        event, plane_count = events.get(value, (cancelled(value), 0))
        output = work.output(value, str(root))
        if output is not None:
            output = replace(output, plane_count=plane_count)
            store.add(output)
        if value in planned:
            outcomes[value] = replace(event, result=output)
    store.read_states(
        {step.name: step.output_kind for step in pipeline.kept if isinstance(step.output_kind, PlaneKind)}
    )
    unfinished = next((line.end.error for line in reversed(lines) if isinstance(line, EndLine)), "")
    warnings = (*_warnings(lines), *([describe_damage(root, damaged)] if damaged else ()))
    return RunResult(dataset, pipeline, axis, outcomes, store, warnings, unfinished)


def _outcomes(
    lines: Iterable[ParentLine], axis: str
) -> tuple[str, set[str], dict[str, tuple[TaskEvent, int]]]:
    """Return the axis of the last run, the values of its tasks, and their outcomes with numbers of planes."""
    values: set[str] = set()
    events: dict[str, tuple[TaskEvent, int]] = {}
    for line in lines:
        if isinstance(line, RunLine):
            if line.run.axis != axis:
                axis, values, events = line.run.axis, set(), {}
            values |= set(line.run.values)
        elif isinstance(line, TaskLine):
            event = TaskEvent(**line.task.model_dump())
            events[event.axis_value] = event, line.planes
    return axis, values, events


def _warnings(lines: Iterable[ParentLine]) -> tuple[str, ...]:
    """Return the warnings of the run that had the most tasks. Later ones may have repeated only some."""
    runs = [line.run for line in lines if isinstance(line, RunLine)]
    return tuple(max(runs, key=lambda run: len(run.values)).warnings) if runs else ()


def _recorded_values(
    values: Collection[str], axis: str, components: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return the recorded values of a product in natural order, as there are no planes to find them in."""
    parts = axis_parts(axis, components)
    return sorted(values, key=lambda value: tuple(value_codes(value, parts, components).values()))


def cancelled(axis_value: str) -> TaskEvent:
    """Return the outcome of a task that did not run to its end."""
    return TaskEvent(axis_value, "cancelled", error="cancelled before it was finished")


def _stand_in_dataset(description: DatasetDescription) -> Dataset:
    components = description.values
    nothing = np.zeros(0, np.int32)
    codes = np.zeros((0, len(components)), np.int32)
    return Dataset(
        layout=description.layout,
        index=Planes(components, codes, (), nothing, nothing, description.source),
        shape=(description.shape[0], description.shape[1]),
        dtype=np.dtype(description.dtype),
        calibration=description.known_calibration,
    )


def _stand_in_step(description: StepDescription) -> Step:
    routes = dict.fromkeys(description.functions, _not_loaded)
    return Step(
        routes if description.group_by is not None else _not_loaded,
        name=description.name,
        inputs=tuple(description.inputs),
        output=description.output,
        variable=tuple(description.variable),
        group_by=description.group_by,
        keep=description.keep,
    )


def _not_loaded(*planes: object, **params: object) -> None:
    raise RuntimeError("A result opened from its folder has no functions. Open its recipe to run it again.")
