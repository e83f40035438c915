"""The steps of a recipe: as entries of a table, and as what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, cast

from ..core.kinds import Kind
from ..pipeline.names import OWN_FILE, function_path, load_function
from ..pipeline.signatures import read_signature
from ..pipeline.step import Route, Step, StepFunction
from .toml import FLAG, TABLE, TEXT, Table, toml_value

_STEP_KEYS = (
    "name",
    "function",
    "params",
    "inputs",
    "output",
    "variable",
    "group_by",
    "keep",
    "enabled",
    "routes",
)


def step_entry(step: Step) -> dict[str, object]:
    """Return what a recipe says of a step, but for its routes; None for what goes without saying."""
    routed = isinstance(step.function, Mapping)
    return {
        "name": step.name,
        "function": None if routed else _said_function(step.name, cast(StepFunction, step.function)),
        "params": _said_params(step.name, step.params),
        "inputs": step.inputs,
        "output": None if step.kind == _unsaid_kind(step) else step.kind,
        "variable": step.variable,
        "group_by": step.group_by,
        "keep": step.keep,
        "enabled": None if step.enabled else False,
    }


def route_entries(step: str, routes: Mapping[str, Route]) -> dict[str, object]:
    """Return what a recipe says of the routes of a step, by value."""
    entries: dict[str, object] = {}
    for value, route in routes.items():
        function, params = route if isinstance(route, tuple) else (route, {})
        said: dict[str, object] = {"function": _said_function(step, function)}
        entries[value] = said | ({"params": _said_params(step, params)} if params else {})
    return entries


def read_step(values: Mapping[str, object], number: int, folder: Path) -> Step:
    """Return the step that an entry means; ValueError, which says where, if there can be none."""
    where = f"Step {number} ({values['name']!r})" if "name" in values else f"Step {number}"
    table = Table(values, where, _STEP_KEYS)
    routes = table.get("routes", TABLE)
    if (routes is None) == ("function" not in values):
        raise ValueError(f"{where} needs one of: a function, 'module:name', or a table [steps.routes].")
    function = _read_function(table, where, folder) if routes is None else _read_routes(routes, where, folder)
    params = table.get("params", TABLE) or {}
    return Step(
        function,
        params if isinstance(function, Mapping) else _meant_params(function, params, where),
        name=table.get("name", TEXT) or "",
        inputs=table.texts("inputs"),
        output=cast("Kind | None", table.get("output", TEXT)),
        variable=table.texts("variable"),
        group_by=table.get("group_by", TEXT),
        keep=table.get("keep", FLAG),
        enabled=table.get("enabled", FLAG) is not False,
    )


def _unsaid_kind(step: Step) -> Kind | None:
    """Return the kind that a step has if it does not say; None if it has to."""
    try:
        return Step(step.function, name=step.name).kind
    except ValueError:
        return None


def _said_function(step: str, function: StepFunction) -> str:
    try:
        return function_path(function)
    except ValueError as error:
        raise ValueError(f"Step {step!r} cannot be in a recipe: {error}") from error


def _said_params(step: str, params: Mapping[str, Any]) -> dict[str, object] | None:
    said = {}
    for name, value in params.items():
        try:
            said[name] = toml_value(value.name if isinstance(value, Enum) else value)
        except ValueError as error:
            raise ValueError(
                f"Step {step!r} cannot be in a recipe: its param {name!r} is or has {error}. Leave it out if it is "
                f"the function's default anyway; otherwise save a function of your own that has it as a default, "
                f"or makes it, to a file such as {OWN_FILE}.py, and use that."
            ) from error
    return said or None


def _read_routes(routes: Mapping[str, object], where: str, folder: Path) -> dict[str, Route]:
    read: dict[str, Route] = {}
    for value, entry in routes.items():
        if not isinstance(entry, dict):
            raise ValueError(
                f'{where}: the route {value} = {entry!r} has to be a table, {{ function = "module:name" }}.'
            )
        route = Table(entry, f"{where}, route {value!r}", ("function", "params"))
        function = _read_function(route, where, folder)
        read[value] = (function, _meant_params(function, route.get("params", TABLE) or {}, where))
    return read


def _meant_params(function: StepFunction, params: Mapping[str, object], where: str) -> dict[str, object]:
    """Return params with members of an Enum in place of their names, where the function takes one."""
    meant = dict(params)
    named = [name for name, value in params.items() if isinstance(value, str)]
    for one in read_signature(function).parameters if named else ():
        if one.name in named and isinstance(one.annotation, type) and issubclass(one.annotation, Enum):
            members = one.annotation.__members__
            if params[one.name] not in members:
                raise ValueError(
                    f"{where}: {one.name} = {params[one.name]!r} has to be one of {', '.join(map(repr, members))}."
                )
            meant[one.name] = members[str(params[one.name])]
    return meant


def _read_function(table: Table, where: str, folder: Path) -> StepFunction:
    path = table.need("function", TEXT)
    try:
        return load_function(path, folder)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
