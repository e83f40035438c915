"""Segments of consecutive steps with the same units, and calling a step on a unit."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from ..core.calibration import Calibration
from ..pipeline.calling import call_function
from ..pipeline.code.loaded_sources import note_sources
from ..pipeline.stacks import slices_refusal, stack_refusal
from ..pipeline.step import Step
from ..pipeline.unit_info import UnitInfo
from .units import Codes, Result, Source, Stack, Unit, check_aligned, gather, read_result, widest


def next_segment(steps: deque[Step], sources: dict[str, Source]) -> list[Step]:
    """Remove the first steps with the same units from `steps`, and add an empty source for each."""
    segment: list[Step] = []
    shape: tuple[tuple[str, ...], set[str]] | None = None
    while steps:
        step = steps[0]
        variable = step.variable or ()
        names = {
            name for source in step.inputs or () for name in sources[source].names if name not in variable
        }
        if shape is None:
            shape = variable, names
        elif (variable, names) != shape:
            break
        segment.append(steps.popleft())
        # Empty until the step has run. Its items are distinguished by the units of this segment.
        sources[step.name] = Source(tuple(sorted(names)), {})
    return segment


def unit_codes(step: Step, sources: Mapping[str, Source]) -> list[dict[str, int]]:
    """Return the units of a step: for each, the codes of the components that the step does not stack."""
    variable = step.variable or ()
    own = [[name for name in sources[source].names if name not in variable] for source in step.inputs or ()]
    names = max(own, key=len)
    distinct: set[Codes] = set()
    for source, components in zip(step.inputs or (), own, strict=True):
        # What one of several such inputs lacks is an error of that unit.
        if set(components) == set(names):
            positions = [sources[source].names.index(name) for name in names]
            distinct.update(tuple(code[position] for position in positions) for code in sources[source].items)
    return [dict(zip(names, key, strict=True)) for key in sorted(distinct)]


def gather_inputs(
    step: Step, unit: Unit, sources: Mapping[str, Source], sole: AbstractSet[str] = frozenset()
) -> list[Stack]:
    """Return the inputs of a step for one unit. Those in `sole` are not needed by any other step.

    Raises
    ------
    Unavailable, ValueError
        See `gather` and `check_aligned`.
    """
    names = step.inputs or ()
    stacks = [gather(sources[name], name, unit, name not in sole or names.count(name) > 1) for name in names]
    check_aligned(dict(zip(names, stacks, strict=True)), unit)
    return stacks


def call_step(step: Step, unit: Unit, inputs: Sequence[Stack], calibration: Calibration) -> Result:
    """Call the function that a step has for a unit, and return its result.

    The calibration of the dataset is for functions that ask for a `UnitInfo` or take napari layers.

    Raises
    ------
    KeyError
        The step has no function for the unit's value.
    ValueError, TypeError
        The function returned something that a step cannot return. Other errors of the function are raised too.
    """
    function, params = step.route(unit.value(step.group_by))
    stack = widest(inputs)
    info = UnitInfo.of(unit.components, unit.values, unit.stacked(stack), calibration)
    refusal = stack_refusal(function, params, stack.leading) or slices_refusal(function, info)
    if refusal:
        raise ValueError(refusal)
    arrays, leading = [stack.array for stack in inputs], [stack.leading for stack in inputs]
    returned = call_function(function, arrays, params, step.output_kind, info, leading, calibration)
    note_sources()  # of what the function has imported
    return read_result(returned, step.output_kind, inputs, unit)
