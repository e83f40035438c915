"""A run as a Python script, to read, change and run anywhere."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
import sysconfig
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from importlib.metadata import packages_distributions
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from ..core.files import hide_secrets
from ..core.text import printable
from ..pipeline.names import function_path
from ..pipeline.step import Route, Step, StepFunction
from .recipe import Recipe

OWN_NAMES = ("sys", "dataset", "pipeline", "result")
"""Names that the script defines itself; no function can have one of them."""

WIDTH = 100
"""The most characters of a line that can be divided."""


def python_script(recipe: Recipe) -> str:
    """Return a script that runs what a recipe runs, with the same results and without a display.

    Parameters
    ----------
    recipe : Recipe
        Functions may have been typed into a console, if everything that they use can be imported or written down.

    Raises
    ------
    ValueError
        A function or a param cannot be written in a script. The message names the step, and says what to do.
    """
    script = _Script()
    steps = [script.step(step) for step in recipe.pipeline.without_defaults]
    dataset = _call("aw.open_dataset", script.value(recipe.source), {
        "pattern": script.optional(recipe.pattern), "axes": script.optional(recipe.axes),
    })  # fmt: skip
    run = {name: script.value(value) for name, value in recipe.chosen_options.items()}
    listed = textwrap.indent("".join(f"{step},\n" for step in steps), " " * 8)
    body = "\n\n".join(
        (
            f"dataset = {dataset}",
            f"pipeline = aw.Pipeline(\n    [\n{listed}    ]\n)",
            f"result = {_call('aw.run', 'dataset, pipeline', run)}\nprint(result)\n",
        )
    )
    head = "\n".join(script.head())
    if not script.sources:
        return f"{head}\n\n{body}"
    return "\n\n\n".join((head, *script.sources, body))


class _Script:
    """The head of a script: imports, folders to import from, and sources of functions.

    Attributes
    ----------
    sources : list of str
        The sources of functions that are in no file, and of what they use.
    """

    def __init__(self) -> None:
        self.sources: list[str] = []
        # From each name to its import; an empty text if its source is in the script.
        self._imports: dict[str, str] = {"aw": "import napari_axiswise as aw", **dict.fromkeys(OWN_NAMES, "")}
        self._folders: list[str] = []
        self._names: dict[int, str] = {}
        # What each name stands for in functions of the console.
        self._globals: dict[str, Any] = {}

    def head(self) -> Iterator[str]:
        """Yield the lines of imports."""
        if self._folders:
            yield "import sys\n"
            for folder in self._folders:
                yield f"sys.path.append({self.value(folder)})"
            yield ""
        lines = sorted({line for line in self._imports.values() if line})
        yield from (line for line in lines if not line.startswith("from "))
        named = (line.split(" import ") for line in lines if line.startswith("from "))
        for module, group in groupby(named, key=itemgetter(0)):
            yield f"{module} import {', '.join(name for _, name in group)}"

    def step(self, step: Step) -> str:
        """Return the call that makes a step."""
        try:
            function = self._functions(step)
            params = self.value(dict(step.params)) if step.params else ""
            fields = {
                "name": self.value(step.name),
                "inputs": self.optional(step.inputs),
                "output": self.optional(step.explicit_output),
                "variable": self.optional(step.variable),
                "group_by": self.optional(step.group_by),
                "keep": self.optional(step.keep),
                "enabled": None if step.enabled else "False",
            }
        except ValueError as error:
            raise ValueError(f"Step {step.name!r} cannot be in a script: {error}") from error
        return _call("aw.Step", f"{function}, {params}" if params else function, fields)

    def optional(self, value: object) -> str | None:
        """Return the source of a value, or None for a value that is left out."""
        return None if value is None else self.value(value)

    def value(self, value: object) -> str:
        """Return the source of a value; ValueError if it has none."""
        if isinstance(value, (np.number, np.bool_, np.str_)):
            value = value.item()
        if isinstance(value, Enum):
            return f"{self._import(type(value))}.{value.name}"
        if isinstance(value, Path):
            return self.value(str(value))
        if isinstance(value, str) and hide_secrets(value) != value:
            raise ValueError(
                "it has an address with a password or token among its params. Read it in the function."
            )
        if isinstance(value, str):
            return _text_source(value)
        if value is None or isinstance(value, (bool, int, float, complex)):
            return f'float("{value}")' if isinstance(value, float) and not np.isfinite(value) else repr(value)
        if isinstance(value, Mapping):
            return f"{{{', '.join(f'{self.value(key)}: {self.value(item)}' for key, item in value.items())}}}"
        if isinstance(value, tuple):
            items = ", ".join(map(self.value, value))
            return f"({items},)" if len(value) == 1 else f"({items})"
        if isinstance(value, list):
            return f"[{', '.join(map(self.value, value))}]"
        if callable(value):
            return self._name(value)
        raise ValueError(
            f"it has a {type(value).__name__} among its params, which has no source. Create it in the function, or "
            "read it from a file."
        )

    def _functions(self, step: Step) -> str:
        if not isinstance(step.function, Mapping):
            return self._name(step.function)
        routes = [f"{self.value(value)}: {self._route(route)}" for value, route in step.function.items()]
        return f"{{{', '.join(routes)}}}"

    def _route(self, route: Route) -> str:
        if not isinstance(route, tuple):
            return self._name(route)
        return f"({self._name(route[0])}, {self.value(dict(route[1]))})"

    def _name(self, function: StepFunction) -> str:
        """Return the name of a function in the script, and import or include it."""
        if id(function) not in self._names:
            try:
                path = function_path(function)
            except ValueError:
                self._names[id(function)] = self._include(function)
            else:
                self._names[id(function)] = self._import_path(*path.split(":"))
        return self._names[id(function)]

    def _import_path(self, module: str, name: str) -> str:
        package = module.partition(".")[0]
        folder = _folder_of(package)
        if folder is not None and folder not in self._folders:
            self._folders.append(folder)
        first, _, rest = name.partition(".")
        free = self._free(first, f"from {module} import {first}")
        self._imports[free] = f"from {module} import {first}" + ("" if free == first else f" as {free}")
        return f"{free}.{rest}" if rest else free

    def _free(self, name: str, wanted: str) -> str:
        """Return a name that nothing else in the script has."""
        free, number = name, 2
        while free in self._imports and not self._imports[free].startswith(wanted):
            free, number = f"{name}_{number}", number + 1
        return free

    def _import(self, thing: Any) -> str:
        return self._import_path(thing.__module__, thing.__qualname__)

    def _include(self, function: StepFunction) -> str:
        """Include the source of a function that is in no file."""
        name = getattr(function, "__name__", "")
        advice = "Save it to a file as an ordinary function, and use that one."
        if not isinstance(function, FunctionType) or not name.isidentifier():
            raise ValueError(f"{name or type(function).__name__} has no source. {advice}")
        if function.__closure__:
            raise ValueError(
                f"{name} uses {', '.join(function.__code__.co_freevars)} of the function that defines it. {advice}"
            )
        if name in self._imports:
            raise ValueError(f"two different things are named {name}. Rename one of them.")
        try:
            source = textwrap.dedent(inspect.getsource(function))
        except (OSError, TypeError) as error:
            raise ValueError(f"the source of {name} is no longer available. {advice}") from error
        # Registered before the functions that it uses: they may use it.
        self._imports[name], self._names[id(function)] = "", name
        for used in sorted(_names_used(function.__code__) | _names_of_head(source)):
            if used in function.__globals__ and not hasattr(builtins, used) and used != name:
                self._bring(used, function.__globals__[used], f"{name} uses {used}")
        self.sources.append(source.rstrip())
        return name

    def _bring(self, name: str, thing: Any, where: str) -> None:
        """Give a name of the console the same meaning in the script."""
        if self._globals.setdefault(name, thing) is not thing:
            raise ValueError(
                f"{where}, which is something different in another function. Rename one of them."
            )
        if isinstance(thing, ModuleType):
            if name in self._imports and name != "aw":
                return
            package, _, last = thing.__name__.rpartition(".")
            if name == last:
                self._imports[name] = f"from {package} import {name}" if package else f"import {name}"
            else:
                self._imports[name] = f"import {thing.__name__} as {name}"
        elif callable(thing):
            if self._name(thing) != name:
                raise ValueError(f"{where}, which has another name in its own module. Use that name.")
        else:
            self._imports[name] = ""
            self.sources.append(f"{name} = {self.value(thing)}")


def _text_source(text: str) -> str:
    """Return the source of a text, in which everything that is not printable is escaped.

    Editors and clipboards may change such characters, and some show another text than Python reads.
    """
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{printable(quoted)}"'


def _names_used(code: CodeType) -> set[str]:
    """Return the global names that code uses, with those of inner functions."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_names_used, inner))


def _names_of_head(source: str) -> set[str]:
    """Return the names in the decorators, defaults and annotations of a function, which its definition evaluates."""
    function = ast.parse(source).body[0]
    if not isinstance(function, ast.FunctionDef):
        return set()
    heads = (function.args, function.returns, *function.decorator_list)
    nodes = (node for head in heads if head is not None for node in ast.walk(head))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _folder_of(package: str) -> str | None:
    """Return the folder from which a user's own module is imported; None for installed packages."""
    file = getattr(sys.modules.get(package), "__file__", None)
    if file is None or package in (__package__, *sys.stdlib_module_names):
        return None
    folder = Path(file).parent.parent if Path(file).name == "__init__.py" else Path(file).parent
    installed = [Path(path) for path in sysconfig.get_paths().values()]
    if any(folder.is_relative_to(path) for path in installed) or package in _installed_packages():
        return None
    return str(folder)


@cache
def _installed_packages() -> frozenset[str]:
    # Reading the metadata of all distributions takes a second or more.
    return frozenset(packages_distributions())


def _call(name: str, first: str, fields: Mapping[str, str | None]) -> str:
    """Return the source of a call, on several lines if one would be too long."""
    arguments = [first, *(f"{key}={value}" for key, value in fields.items() if value is not None)]
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= WIDTH - 8:
        return line
    return f"{name}(\n" + "".join(f"    {argument},\n" for argument in arguments) + ")"
