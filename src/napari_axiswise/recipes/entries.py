"""The steps of a recipe, to and from the entries of a table."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, cast

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
    """Return the entry of a step without its routes; None for values that are left out."""
    routed = isinstance(step.function, Mapping)
    return {
        "name": step.name,
        "function": None if routed else _function_entry(step.name, cast(StepFunction, step.function)),
        "params": _params_entry(step.name, step.params),
        "inputs": step.inputs,
        "output": step.explicit_output,
        "variable": step.variable,
        "group_by": step.group_by,
        "keep": step.keep,
        "enabled": None if step.enabled else False,
    }


def route_entries(step: str, routes: Mapping[str, Route]) -> dict[str, object]:
    """Return the entries of a step's routes, by value."""
    entries: dict[str, object] = {}
    for value, route in routes.items():
        function, params = route if isinstance(route, tuple) else (route, {})
        entry: dict[str, object] = {"function": _function_entry(step, function)}
        entries[value] = entry | ({"params": _params_entry(step, params)} if params else {})
    return entries


def read_step(values: Mapping[str, object], number: int, folder: Path) -> Step:
    """Return the step of an entry; ValueError, with the place, if the entry is wrong."""
    where = f"Step {number} ({values['name']!r})" if "name" in values else f"Step {number}"
    table = Table(values, where, _STEP_KEYS)
    routes = table.get("routes", TABLE)
    if (routes is None) == ("function" not in values):
        raise ValueError(f"{where} needs one of: a function, 'module:name', or a table [steps.routes].")
    function = _read_function(table, where, folder) if routes is None else _read_routes(routes, where, folder)
    params = table.get("params", TABLE) or {}
    return Step(
        function,
        params if isinstance(function, Mapping) else _with_enum_members(function, params, where),
        name=table.get("name", TEXT) or "",
        inputs=table.texts("inputs"),
        output=table.get("output", TEXT),
        variable=table.texts("variable"),
        group_by=table.get("group_by", TEXT),
        keep=table.get("keep", FLAG),
        enabled=table.get("enabled", FLAG) is not False,
    )


def _function_entry(step: str, function: StepFunction) -> str:
    try:
        return function_path(function)
    except ValueError as error:
        raise ValueError(f"Step {step!r} cannot be in a recipe: {error}") from error


def _params_entry(step: str, params: Mapping[str, Any]) -> dict[str, object] | None:
    entry = {}
    for name, value in params.items():
        try:
            entry[name] = toml_value(value.name if isinstance(value, Enum) else value)
        except ValueError as error:
            raise ValueError(
                f"Step {step!r} cannot be in a recipe: its param {name!r} is or contains {error}. Leave it out if it "
                f"is the default; otherwise save a function that creates it to a file such as {OWN_FILE}.py, and use "
                "that function."
            ) from error
    return entry or None


def _read_routes(routes: Mapping[str, object], where: str, folder: Path) -> dict[str, Route]:
    read: dict[str, Route] = {}
    for value, entry in routes.items():
        if not isinstance(entry, dict):
            raise ValueError(
                f'{where}: the route {value} = {entry!r} has to be a table, {{ function = "module:name" }}.'
            )
        route = Table(entry, f"{where}, route {value!r}", ("function", "params"))
        function = _read_function(route, where, folder)
        read[value] = (function, _with_enum_members(function, route.get("params", TABLE) or {}, where))
    return read


def _with_enum_members(function: StepFunction, params: Mapping[str, object], where: str) -> dict[str, object]:
    """Return params with Enum members in place of their names, for parameters that are annotated with an Enum."""
    replaced = dict(params)
    named = [name for name, value in params.items() if isinstance(value, str)]
    for one in read_signature(function).parameters if named else ():
        if one.name in named and isinstance(one.annotation, type) and issubclass(one.annotation, Enum):
            members = one.annotation.__members__
            if params[one.name] not in members:
                raise ValueError(
                    f"{where}: {one.name} = {params[one.name]!r} has to be one of {', '.join(map(repr, members))}."
                )
            replaced[one.name] = members[str(params[one.name])]
    return replaced


def _read_function(table: Table, where: str, folder: Path) -> StepFunction:
    path = table.need("function", TEXT)
    try:
        return load_function(path, folder)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
