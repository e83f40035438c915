from .catalog.catalog import Catalog, find_functions
from .catalog.console import step
from .catalog.offer import Offer
from .core.calibration import Calibration
from .core.components import (
    ComponentConfiguration,
    ComponentConfigurationFactory,
    StandardComponents,
    TimeSeriesComponents,
)
from .core.events import TaskEvent
from .datasets.dataset import Dataset
from .datasets.opening import open_dataset
from .datasets.report import Report
from .executors.lanes import LaneExecutor
from .layouts.column import Column
from .layouts.folder import Folder
from .layouts.layout import FoundPlanes, Layout
from .layouts.naming.suggestions import SuggestedPattern, suggest_patterns
from .layouts.problem import Problem
from .pipeline.pipeline import Pipeline
from .pipeline.step import Step
from .pipeline.unit_info import UnitInfo
from .planes.reader import PlaneReader
from .planning.check.api import check_axis, checking_axis
from .planning.check.result import AxisCheck
from .planning.plan import Plan
from .planning.planner import plan, planning
from .planning.trials import Comparison, compare, comparing
from .plates.map import control_roles, join_plate_map
from .plates.map_file import read_plate_map
from .plates.statistics import well_values, z_prime
from .recipes.recipe import Recipe
from .results.records import TaskOutput
from .runs.api import iter_run, run
from .runs.coordinator import MultiprocessingCoordinator, Task
from .runs.orchestrator import Orchestrator
from .runs.plan import RunPlan
from .runs.result import RunResult, open_result
from .runs.run import Run
from .tasks.context import TaskContext
from .tasks.process import process_task
from .testing import check_layout
from .ui.check.layers import show_check
from .ui.plate.view import show_plate
from .ui.viewer.layers import show

__all__ = [
    "AxisCheck",
    "Calibration",
    "Catalog",
    "Column",
    "Comparison",
    "ComponentConfiguration",
    "ComponentConfigurationFactory",
    "Dataset",
    "Folder",
    "FoundPlanes",
    "LaneExecutor",
    "Layout",
    "MultiprocessingCoordinator",
    "Offer",
    "Orchestrator",
    "Pipeline",
    "Plan",
    "PlaneReader",
    "Problem",
    "Recipe",
    "Report",
    "Run",
    "RunPlan",
    "RunResult",
    "StandardComponents",
    "Step",
    "SuggestedPattern",
    "Task",
    "TaskContext",
    "TaskEvent",
    "TaskOutput",
    "TimeSeriesComponents",
    "UnitInfo",
    "check_axis",
    "check_layout",
    "checking_axis",
    "compare",
    "comparing",
    "control_roles",
    "find_functions",
    "iter_run",
    "join_plate_map",
    "open_dataset",
    "open_result",
    "plan",
    "planning",
    "process_task",
    "read_plate_map",
    "run",
    "show",
    "show_check",
    "show_plate",
    "step",
    "suggest_patterns",
    "well_values",
    "z_prime",
]
