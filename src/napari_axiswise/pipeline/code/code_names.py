"""The names in the compiled code of functions."""

from __future__ import annotations

import dis
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

DottedName = tuple[str, ...]
"""A name, and the attributes after it: ``("config", "model")``."""


@dataclass(frozen=True)
class CodeNames:
    """The names in a function's code and the functions inside it.

    Parameters
    ----------
    globals : frozenset of tuple
        Names of the module, with the attributes after them.
    imported : frozenset of str
        Modules that it imports when it is called.
    every : frozenset of str
        All names and attributes.
    texts : frozenset of str
        All literals that may be names.
    stored : frozenset of str
        The attributes that it sets.
    """

    globals: frozenset[DottedName]
    imported: frozenset[str]
    every: frozenset[str]
    texts: frozenset[str]
    stored: frozenset[str]


@lru_cache(maxsize=4096)
def names_in(code: CodeType) -> CodeNames:
    """Return the names in the code of a function."""
    found: set[DottedName] = set()
    imported: set[str] = set()
    every = set(code.co_names)
    texts = {
        text for text in code.co_consts if isinstance(text, str) and text.replace(".", "").isidentifier()
    }
    stored: set[str] = set()
    current: DottedName = ()
    for instruction in dis.get_instructions(code):
        if current and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            current = (*current, instruction.argval)
            continue
        found.add(current)
        current = (instruction.argval,) if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") else ()
        if instruction.opname == "IMPORT_NAME":
            imported.add(instruction.argval)
        elif instruction.opname == "STORE_ATTR":
            stored.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = names_in(constant)
            found |= inner.globals
            imported |= inner.imported
            every |= inner.every
            texts |= inner.texts
            stored |= inner.stored
    found.discard(())
    return CodeNames(
        frozenset(found), frozenset(imported), frozenset(every), frozenset(texts), frozenset(stored)
    )
