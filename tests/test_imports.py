"""The import graph of the package."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import napari_axiswise

ROOT = Path(napari_axiswise.__file__).parent


def module_name(path: Path) -> str:
    """Return the dotted name of a module below the package: ``core.axes``; of a folder, its name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported_names(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports from the package, anywhere in it."""
    folder = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            module = ".".join(filter(None, base))
            yield module
            yield from (f"{module}.{alias.name}".lstrip(".") for alias in node.names)


def test_no_module_imports_itself_through_others() -> None:
    """Imports for type checking count: a cycle of these is a cycle of concepts."""
    modules = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}
    del modules[""]  # the root loads public names on demand
    graph = {name: set(imported_names(path)) & modules.keys() - {name} for name, path in modules.items()}
    assert sum(map(len, graph.values())) > len(modules)
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the cycle
    assert len(order) == len(modules)
