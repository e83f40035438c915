"""What functions change themselves, such as caches and counters, which differ between processes with the same code."""

from __future__ import annotations

import ast
import dis
import inspect
from collections.abc import Iterator
from functools import lru_cache
from textwrap import dedent
from types import CodeType

from .code_names import DottedName

_CHANGING = frozenset(
    {
        "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "fill", "insert", "move_to_end",
        "pop", "popitem", "popleft", "remove", "reverse", "rotate", "setdefault", "sort", "update",
    }
)  # fmt: skip
"""Methods that change a container."""

_CHANGING_FUNCTIONS = frozenset(
    {"next", "setattr", "delattr", "__setattr__", "copyto", "heappush", "heappop", "insort", "shuffle"}
)
"""Functions that change their first argument."""

_RESULT = "out"
"""The parameter of NumPy's functions that they write to."""

_NAMESPACE = "__dict__"

_STORES = frozenset(
    f"{verb}_{kind}"
    for verb in ("STORE", "DELETE")
    for kind in ("GLOBAL", "DEREF", "ATTR", "SUBSCR", "SLICE")
)


@lru_cache(maxsize=4096)
def changed_names(code: CodeType) -> frozenset[DottedName]:
    """Return what a function assigns to or changes in place, under its own variables' names, too.

    Empty if the source cannot be read. After ``cache = self.cache``, a change of ``cache`` is one of ``self.cache``.
    """
    if not _may_change(code):
        return frozenset()
    try:
        tree = ast.parse(dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return frozenset()
    nodes = list(ast.walk(tree))
    aliases = _aliases(nodes)
    changed = {name for node in nodes for name in _changed_by(node) if name}
    return frozenset((*aliases.get(first, (first,)), *rest) for first, *rest in changed)


@lru_cache(maxsize=4096)
def local_names(code: CodeType) -> frozenset[str]:
    """Return the names of a function's own variables, and of those of functions inside it."""
    inner = (local_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset((*code.co_varnames, *code.co_cellvars)).union(*inner)


def _may_change(code: CodeType) -> bool:
    """Return whether the source is worth reading, which takes longer."""
    return (
        not (_CHANGING | _CHANGING_FUNCTIONS).isdisjoint(code.co_names)
        or any(isinstance(constant, tuple) and _RESULT in constant for constant in code.co_consts)
        or any(instruction.opname in _STORES for instruction in dis.get_instructions(code))
        or any(_may_change(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    )


def _aliases(nodes: list[ast.AST]) -> dict[str, DottedName]:
    """Return what own variables stand for that are only ever assigned one thing, which has a name."""
    found: dict[str, set[DottedName]] = {}
    for node in nodes:
        for target in _assigned(node):
            found.setdefault(target, set()).add(_dotted(getattr(node, "value", None)))
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            found |= {name: {()} for name in node.names}
    return {
        name: next(iter(values)) for name, values in found.items() if len(values) == 1 and () not in values
    }


def _assigned(node: ast.AST) -> Iterator[str]:
    """Yield the variables that a statement assigns to."""
    if isinstance(node, ast.Assign):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and isinstance(node.target, ast.Name):
        yield node.target.id


def _changed_by(node: ast.AST) -> Iterator[DottedName]:
    if isinstance(node, (ast.Global, ast.Nonlocal)):
        yield from ((name,) for name in node.names)
    elif isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield _dotted(node)
    elif isinstance(node, ast.keyword) and node.arg == _RESULT:
        yield _dotted(node.value)
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        first, second = [*node.args, None, None][:2]
        if name in _CHANGING_FUNCTIONS:
            owner, attribute = _dotted(first), _text(second) if name.strip("_").endswith("attr") else ""
            yield (*owner, attribute) if owner and attribute else owner
        elif name in _CHANGING and isinstance(node.func, ast.Attribute):
            yield _item(_dotted(node.func.value), first)


def _dotted(node: ast.AST | None) -> DottedName:
    """Return the dotted name of an expression; of an item, that of its container. Empty if it has none."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Subscript):
        return _item(_dotted(node.value), node.slice)
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        # Attributes of a class are treated as those of its instances are.
        return before if node.attr == "__class__" or not before else (*before, node.attr)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _dotted_call(node.func.id, node.args)
    return ()


def _dotted_call(function: str, arguments: list[ast.expr]) -> DottedName:
    """Return the dotted name of ``globals()``, ``type(…)`` or ``vars(…)``."""
    if function == "globals":
        return (_NAMESPACE,)
    owner = _dotted(arguments[0]) if len(arguments) == 1 else ()
    if function == "vars" and owner:
        return (*owner, _NAMESPACE)
    return owner if function == "type" else ()


def _item(container: DottedName, key: ast.AST | None) -> DottedName:
    """Return the dotted name of an item: its own in a namespace such as ``self.__dict__``, else the container's."""
    text = _text(key)
    return (*container[:-1], text) if container[-1:] == (_NAMESPACE,) and text else container


def _text(node: ast.AST | None) -> str:
    """Return a literal text, otherwise an empty one."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
