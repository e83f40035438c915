"""What a run gave, at its end or opened again from the folder that it wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import axis_parts, value_codes
from ..core.calibration import Calibration
from ..core.events import TaskEvent
from ..datasets.dataset import Dataset
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from ..planes.table import Planes
from ..results.records import TaskOutput
from ..results.run_log.contents import RunLogContents
from ..results.run_log.lines import DESCRIPTION, RUN_LOG, TASKS, read_lines
from ..results.step_output import PlaneState
from ..results.store import ResultStore
from .resume import FinishedWork

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class RunResult:
    """What a run gave.

    Parameters
    ----------
    dataset : Dataset
        What it ran over.
    pipeline : Pipeline
        What it did.
    axis : str
        The component it was split by, or a product of several: ``"well,timepoint"``.
    outcomes : dict
        From axis value to the last `TaskEvent` of the task, for every task that was planned.
    store : ResultStore
        Where the outputs are.

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

    def __repr__(self) -> str:
        counts: dict[str, int] = {}
        for event in self.outcomes.values():
            counts[event.status] = counts.get(event.status, 0) + 1
        told = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no tasks"
        return f"<RunResult by {self.axis}: {told}; {self.output}>"

    @property
    def results(self) -> dict[str, TaskOutput | None]:
        """From axis value to `TaskOutput`, or None where the task was not done."""
        return {v: event.result if event.status == "done" else None for v, event in self.outcomes.items()}

    @property
    def failures(self) -> dict[str, TaskEvent]:
        """From axis value to the event of a task that failed or was lost: its ``error`` and ``traceback`` are texts."""
        return {value: event for value, event in self.outcomes.items() if event.status in ("failed", "lost")}

    @property
    def missing(self) -> tuple[str, ...]:
        """The axis values of the tasks that are not done."""
        return tuple(value for value, event in self.outcomes.items() if event.status != "done")

    @property
    def output(self) -> str:
        """The folder that everything was written to."""
        return str(self.store.root)

    def save(self, folder: str | os.PathLike[str], csv: bool = False) -> Path:
        """Copy the result, with run log and recipe, to a folder of its own.

        Parameters
        ----------
        folder : path
            Empty, or not there yet.
        csv : bool
            Whether tables are written as CSV files too, beside the Parquet files.

        Returns
        -------
        Path
            The folder, which `open_result` opens again.

        Raises
        ------
        FileExistsError
            There is something in it, or it is within the result.
        OSError
            It cannot be written to.
        """
        target = Path(folder).expanduser().resolve()
        self.store.copy_to(target)
        if csv:
            open_result(target).export_csv()
        return target

    def export_csv(self) -> list[Path]:
        """Write the tables as CSV files into the folder ``tables`` of the output, and return them.

        Raises
        ------
        OSError
            They cannot be written.
        """
        return self.store.write_csv()

    def merged_with(self, previous: RunResult) -> RunResult:
        """Return this result with the outcomes of an earlier run of the same tasks where it has none."""
        outcomes = previous.outcomes | self.outcomes
        values = self.dataset.index.axis_values(self.axis)
        return replace(self, outcomes={value: outcomes[value] for value in values if value in outcomes})

    def read(self, step: str, **components: str) -> NDArray[Any]:
        """Return one plane of a kept step's output, shape (Y, X).

        Parameters
        ----------
        step : str
            A step that made images or labels.
        **components : str
            A value per component; those with one value, and those that the step did not keep, may be left out.

        Raises
        ------
        KeyError
            No such step or value, or the plane was not written.
        ValueError
            A component is unknown or missing, or the step made a table or points.
        """
        kind = self.pipeline[step].output_kind
        if not kind.has_planes:
            raise ValueError(
                f"Step {step!r} made {kind.phrase}, not planes; look at .table, or .points({step!r})."
            )
        return self.store.read(step, self.store.codes(step, components))

    def plane_state(self, step: str, **components: str) -> PlaneState:
        """Return what became of one plane of a kept step's output.

        Parameters
        ----------
        step, **components
            See `read`.

        Returns
        -------
        {"written", "missing", "failed", "pending"}
            It is there, be it black; the dataset has no such plane; it has, but what should have made the output has
            failed; or its task is not over.

        Raises
        ------
        KeyError, ValueError
            See `read`.
        """
        return self.store.state(step, self.store.codes(step, components))

    def points(self, step: str) -> pd.DataFrame:
        """Return the points of a step: a row each, a column per component, then ``y`` and ``x`` in pixels.

        Raises
        ------
        KeyError
            No such step.
        ValueError
            It made something else.
        """
        kind = self.pipeline[step].output_kind
        if kind.has_planes or kind.in_table:
            raise ValueError(f"Step {step!r} made {kind.phrase}, not points.")
        return self.store.table(step)

    @cached_property
    def table(self) -> pd.DataFrame:
        """A row per measured object: a column per component, then what was measured.

        The rows of all steps that made tables; with more than one, the column ``step`` tells which.
        """
        import pandas as pd

        steps = [step.name for step in self.pipeline.kept if step.output_kind.in_table]
        frames = {name: self.store.table(name) for name in steps}
        if len(frames) < 2:
            return next(iter(frames.values()), pd.DataFrame())
        return pd.concat(frames, names=["step"]).reset_index("step").reset_index(drop=True)

    @property
    def timings(self) -> pd.DataFrame:
        """A row per task: what became of it, when, by which worker, and the seconds of each kind of work."""
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
    """Open the result of a run again: complete, cut short, or still going on.

    No code of the run is loaded: the functions of its pipeline are there by name only, and its dataset has
    no planes.

    Parameters
    ----------
    folder : path
        The output of a run.

    Returns
    -------
    RunResult
        Tasks that have no outcome count as cancelled.

    Raises
    ------
    FileNotFoundError
        The folder is not the output of a run.

    Examples
    --------
    >>> import numpy as np
    >>> _ = aw.run("sample-plate", [aw.Step(np.sqrt, name="root")], "well", executor="serial", output="kept")
    >>> aw.open_result("kept").read("root", well="B02", site="1", timepoint="1", channel="1").shape
    (96, 96)
    """
    root = Path(folder).expanduser().resolve()
    try:
        description = json.loads((root / RUN_LOG / DESCRIPTION).read_bytes())
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{root} is not the output of a run: it has no {RUN_LOG}/{DESCRIPTION} that can be read. "
            "Choose the folder that was given as output."
        ) from error
    dataset = _stand_in_dataset(description["dataset"])
    pipeline = Pipeline([_stand_in_step(step) for step in description["pipeline"]])
    axis, planned, events = _read_tasks(root / RUN_LOG / TASKS, description["axis"])
    components = dataset.components
    sharded = description.get("sharded", False)
    store = ResultStore(root, components, dataset.shape, dataset.calibration, "read", sharded)
    work = FinishedWork(RunLogContents.read(root), dataset.index, pipeline, axis, include_incomplete=True)
    outcomes = {}
    for value in components.get(axis) or _noted_values({*planned, *work.axis_values}, axis, components):
        event, plane_count = events.get(value, (cancelled(value), 0))
        output = work.output(value, str(root))
        if output is not None:
            output = replace(output, plane_count=plane_count)
            store.add(output)
        if value in planned:
            outcomes[value] = replace(event, result=output)
    store.read_states()
    return RunResult(dataset, pipeline, axis, outcomes, store)


def _read_tasks(path: Path, axis: str) -> tuple[str, set[str], dict[str, tuple[TaskEvent, int]]]:
    """Return the axis that was run along last, the values that were planned, and what became of them."""
    values: set[str] = set()
    events: dict[str, tuple[TaskEvent, int]] = {}
    for line in read_lines(path) if path.exists() else ():
        if "run" in line:
            if line["run"]["axis"] != axis:
                axis, values, events = line["run"]["axis"], set(), {}
            values |= set(line["run"]["values"])
        elif "task" in line:
            event = TaskEvent(**line["task"])
            events[event.axis_value] = event, line["planes"]
    return axis, values, events


def _noted_values(values: Collection[str], axis: str, components: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the values of a product that a run has noted, in natural order: there are no planes to ask for them."""
    parts = axis_parts(axis, components)
    return sorted(values, key=lambda value: tuple(value_codes(value, parts, components).values()))


def cancelled(axis_value: str) -> TaskEvent:
    """Return the outcome of a task that has none."""
    return TaskEvent(axis_value, "cancelled", error="cancelled before it was finished")


def _stand_in_dataset(description: Mapping[str, Any]) -> Dataset:
    components = {name: tuple(values) for name, values in description["components"].items()}
    nothing = np.zeros(0, np.int32)
    source = description["source"]
    return Dataset(
        layout=description["layout"],
        index=Planes(components, np.zeros((0, len(components)), np.int32), (), nothing, nothing, source),
        shape=(description["shape"][0], description["shape"][1]),
        dtype=np.dtype(description["dtype"]),
        calibration=Calibration.from_json(description["calibration"]),
    )


def _stand_in_step(description: Mapping[str, Any]) -> Step:
    routes = dict.fromkeys(description["functions"], _not_loaded)
    return Step(
        routes if description["group_by"] is not None else _not_loaded,
        name=description["name"],
        inputs=tuple(description["inputs"]),
        output=description["output"],
        variable=tuple(description["variable"]),
        group_by=description["group_by"],
        keep=description["keep"],
    )


def _not_loaded(*planes: object, **params: object) -> None:
    raise RuntimeError(
        "A result that was opened from its folder has no functions; open the recipe to run it again."
    )
