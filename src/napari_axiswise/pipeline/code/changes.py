"""What functions change themselves, such as caches and counters, which differ between processes with the same code."""

from __future__ import annotations

import ast
import dis
import inspect
from collections.abc import Iterator
from functools import lru_cache
from textwrap import dedent
from types import CodeType

DottedName = tuple[str, ...]
"""A name, and the attributes after it: ``("config", "model")``."""

_CHANGING = frozenset(
    {
        "add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "popleft", "remove",
        "setdefault", "update",
    }
)  # fmt: skip
"""Methods that change a container."""


_STORES = frozenset(
    f"{verb}_{kind}"
    for verb in ("STORE", "DELETE")
    for kind in ("GLOBAL", "DEREF", "ATTR", "SUBSCR", "SLICE")
)


@lru_cache(maxsize=4096)
def changed_names(code: CodeType) -> frozenset[DottedName]:
    """Return what a function assigns to or changes in place, other than its own variables.

    Empty if the source cannot be read.
    """
    if not _may_change(code):
        return frozenset()
    try:
        tree = ast.parse(dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return frozenset()
    return frozenset(name for node in ast.walk(tree) for name in _changed_by(node) if name)


def _may_change(code: CodeType) -> bool:
    """Return whether the source is worth reading, which takes longer."""
    return (
        not _CHANGING.isdisjoint(code.co_names)
        or any(instruction.opname in _STORES for instruction in dis.get_instructions(code))
        or any(_may_change(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    )


def _changed_by(node: ast.AST) -> Iterator[DottedName]:
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from ((name,) for name in node.names)
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield _dotted(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _CHANGING:
        yield _dotted(node.func.value)


def _dotted(node: ast.AST) -> DottedName:
    """Return the dotted name of an expression; of an item, that of its container. Empty if it has none."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Subscript):
        return _dotted(node.value)
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return (*before, node.attr) if before else ()
    return ()
