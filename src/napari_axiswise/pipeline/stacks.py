"""Which stacks a function works on, declared where it is defined and checked before a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core.text import join_names, quote_names
from .unit_info import UnitInfo, missing_slices

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

_RULE = "step_stacks"


@dataclass(frozen=True)
class StackRule:
    """The stacks that a function works on.

    Parameters
    ----------
    components : tuple of str
        The components that it can stack; it also works on single planes.
    check : callable, optional
        From the params to why it cannot work on a stack; empty if it can.
    """

    components: tuple[str, ...]
    check: Callable[[Mapping[str, Any]], str] | None = None


def works_on(
    *components: str, check: Callable[[Mapping[str, Any]], str] | None = None
) -> Callable[[FunctionT], FunctionT]:
    """Declare that a function works on single planes, and on stacks over these components only."""

    def mark(function: FunctionT) -> FunctionT:
        setattr(function, _RULE, StackRule(components, check))
        return function

    return mark


def stack_refusal(function: Callable[..., Any], params: Mapping[str, Any], stacked: Sequence[str]) -> str:
    """Return why a function cannot work on a stack over these components; empty if it can."""
    rule = getattr(function, _RULE, None)
    if not isinstance(rule, StackRule) or not stacked:
        return ""
    wrong = [name for name in stacked if name not in rule.components]
    if wrong:
        takes = " or ".join(["single planes", *(f"a stack over {name}" for name in rule.components)])
        name = getattr(function, "__name__", "the function")
        return (
            f"{name} works on {takes}, and not on a stack over {quote_names(wrong)}. Take that out of variable, or "
            "project or select first."
        )
    return rule.check(params) if rule.check is not None else ""


def slices_refusal(function: Callable[..., Any], unit: UnitInfo) -> str:
    """Return why a function cannot work on a stack of z-slices of which some are missing; empty if it can."""
    stacked = unit.values.get("z_index")
    if not isinstance(getattr(function, _RULE, None), StackRule) or not isinstance(stacked, tuple):
        return ""
    lacking = missing_slices(unit.components["z_index"], stacked)
    if not lacking:
        return ""
    return (
        f"the stack lacks z_index {join_names(lacking)}, so that positions and distances along z would be wrong. Add "
        "the missing planes, or process plane by plane (variable=())."
    )
