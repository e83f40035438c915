from .components import (
    ComponentConfiguration,
    ComponentConfigurationFactory,
    StandardComponents,
    TimeSeriesComponents,
)
from .coordinator import MultiprocessingCoordinator, Task, TaskEvent
from .datasets.dataset import Dataset
from .datasets.opening import open_dataset
from .executors.lanes import LaneExecutor
from .orchestrator import Orchestrator, TaskContext
from .pipeline import Pipeline, Step
from .processing import process_task
from .recipe import Recipe
from .results.records import TaskOutput
from .run_result import RunResult, open_result
from .running import Run, iter_run, run
from .ui.layers import show

__all__ = [
    "ComponentConfiguration",
    "ComponentConfigurationFactory",
    "Dataset",
    "LaneExecutor",
    "MultiprocessingCoordinator",
    "Orchestrator",
    "Pipeline",
    "Recipe",
    "Run",
    "RunResult",
    "StandardComponents",
    "Step",
    "Task",
    "TaskContext",
    "TaskEvent",
    "TaskOutput",
    "TimeSeriesComponents",
    "iter_run",
    "open_dataset",
    "open_result",
    "process_task",
    "run",
    "show",
]
