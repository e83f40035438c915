"""The description of a run, ``run.json``: checked, as everything in a run log may be of another program or person."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ...core.axes import axis_parts
from ...core.calibration import Calibration
from ...core.files import parse_json, path_below, read_regular
from ...core.kinds import KINDS, OutputKind
from ...planes.table import MOST_PLANES
from .lines import DESCRIPTION, RUN_LOG

DTYPES: Final = frozenset(
    ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
     "complex64", "complex128")
)  # fmt: skip
"""Names of the types of pixels."""

ModelT = TypeVar("ModelT", bound=BaseModel)


def _check_dtype(name: str) -> str:
    if name not in DTYPES:
        raise ValueError(f"{name!r} is not a type of pixels")
    return name


Count = Annotated[int, Field(ge=0, le=1 << 62)]
Length = Annotated[int, Field(ge=1, le=1 << 32)]
Shape = Annotated[list[Length], Field(min_length=2, max_length=2)]
Seconds = Annotated[float, Field(ge=-1e15, le=1e15)]
DType = Annotated[str, AfterValidator(_check_dtype)]


class Strict(BaseModel):
    """Values of JSON that have to be of exactly these types. Other values beside them are ignored."""

    model_config = ConfigDict(strict=True, frozen=True)


class FunctionDescription(Strict):
    """A function of a step."""

    name: str
    hash: str
    params: dict[str, str]


class StepDescription(Strict):
    """A step in the description of a run."""

    name: str
    inputs: list[str]
    output: str
    variable: list[str]
    group_by: str | None
    keep: bool
    functions: dict[str, FunctionDescription]

    @property
    def kind(self) -> OutputKind:
        """Kind of the output."""
        return KINDS[self.output]


class DatasetDescription(Strict):
    """The dataset in the description of a run."""

    source: str
    layout: str
    components: dict[str, list[str]]
    shape: Shape
    dtype: DType
    calibration: object
    plane_count: Count
    planes: str
    bytes: Count
    files: str

    @cached_property
    def values(self) -> dict[str, tuple[str, ...]]:
        """All values of each component."""
        return {name: tuple(values) for name, values in self.components.items()}

    @property
    def known_calibration(self) -> Calibration:
        """The calibration; empty if it is damaged."""
        return Calibration.from_untrusted(self.calibration)


class RunDescription(Strict):
    """The description of a run: the file ``run.json``."""

    format: int
    python: str
    versions: dict[str, str | None]
    begun: Seconds
    axis: str
    sharded: bool = False
    dataset: DatasetDescription
    pipeline: list[StepDescription]
    values: dict[str, str] = {}
    code: dict[str, dict[str, str]] = {}

    def check(self) -> None:
        """Check what belongs together.

        Raises
        ------
        ValueError
            Components, steps or axis are inconsistent, or there are too many planes.
        """
        components = self.dataset.values
        for name, values in components.items():
            if not values or len(set(values)) < len(values):
                raise ValueError(f"dataset.components: {name!r} has no values, or one twice")
        if math.prod(map(len, components.values())) > MOST_PLANES:
            raise ValueError(f"dataset.components: more than {MOST_PLANES:,} planes")
        axis_parts(self.axis, components)
        for step in self.pipeline:
            names = [*step.variable, *filter(None, [step.group_by])]
            if step.output not in KINDS or not set(names) <= set(components):
                raise ValueError(
                    f"pipeline: the output, variable or group_by of step {step.name!r} is unknown"
                )


def read_description(root: Path) -> RunDescription:
    """Return the description of the run in an output folder.

    Raises
    ------
    OSError
        There is none, or it cannot be read.
    ValueError
        It is not a description of a run.
    """
    path = path_below(root, f"{RUN_LOG}/{DESCRIPTION}")
    description = validate(RunDescription, parse_json(read_regular(path)))
    description.check()
    return description


def validate(model: type[ModelT], values: object) -> ModelT:
    """Return values as a model.

    Raises
    ------
    ValueError
        They do not fit. The message has the first place only, and nothing of what is there.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"[:200]) from None
