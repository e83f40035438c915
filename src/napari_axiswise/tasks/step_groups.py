"""Segments: consecutive steps whose units are the same; and a step's function, called with the arrays of a unit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from ..pipeline.calling import call_function
from ..pipeline.step import Step
from .units import Codes, Result, Source, Stack, Unit, gather, read_result


def next_segment(steps: deque[Step], sources: dict[str, Source]) -> list[Step]:
    """Take from `steps` the first and those after it whose units are the same, and give each a source."""
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
        # Until it made something: units of this segment tell its items apart.
        sources[step.name] = Source(tuple(sorted(names)), {})
    return segment


def unit_codes(step: Step, sources: Mapping[str, Source]) -> list[dict[str, int]]:
    """Return the units of a step: a code for each component that it does not stack."""
    variable = step.variable or ()
    widest = max((sources[name] for name in step.inputs or ()), key=lambda source: len(source.names))
    names = [name for name in widest.names if name not in variable]
    positions = [widest.names.index(name) for name in names]
    codes: Iterable[Codes] = widest.items
    distinct: Sequence[Codes] = sorted({tuple(code[position] for position in positions) for code in codes})
    return [dict(zip(names, key, strict=True)) for key in distinct]


def gather_inputs(
    step: Step, unit: Unit, sources: Mapping[str, Source], sole: AbstractSet[str] = frozenset()
) -> list[Stack]:
    """Return the inputs of a step for one unit. Those in `sole` are wanted by no other.

    Raises
    ------
    Unavailable, ValueError
        See `gather`.
    """
    names = step.inputs or ()
    return [gather(sources[name], name, unit, name not in sole or names.count(name) > 1) for name in names]


def call_step(step: Step, unit: Unit, inputs: Sequence[Stack]) -> Result:
    """Call the function that a step has for a unit, and return what it made.

    Raises
    ------
    KeyError
        There is no function for the unit's value.
    ValueError, TypeError
        It returned what it cannot return. And whatever else it raises.
    """
    function, params = step.route(unit.value(step.group_by))
    returned = call_function(function, [stack.array for stack in inputs], params, step.output_kind)
    return read_result(returned, step.output_kind, inputs, unit)
