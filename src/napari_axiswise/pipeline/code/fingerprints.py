"""Fingerprints of functions and values, by which a resumed run checks that its functions are the same.

A function's fingerprint covers its code, its defaults, its closure, and the constants and functions of its own
package that it uses. Comments, line numbers and docstrings do not count. A function of an installed package, or
one without Python code, is identified by its name and the version of its package.
"""

from __future__ import annotations

import dis
import pickle
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache, partial
from hashlib import sha256
from inspect import CO_NEWLOCALS
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ...core.import_paths import is_installed

PLAIN = (int, float, complex, str, bytes, bool, type(None))
"""Types whose values are equal if their texts are."""

_HAS_DOCSTRING = 0x4000000
"""Flag of code that begins with a docstring, since Python 3.13."""


def fingerprint(value: object, with_docstrings: bool = False) -> str:
    """Return a short hash that is the same for the same function or value in every process.

    Parameters
    ----------
    value : object
        A function, or a value of a parameter.
    with_docstrings : bool
        Whether docstrings count, as they did in run descriptions of format 2.
    """
    return hash_parts(Parts(with_docstrings).of(value))


def hash_parts(parts: Iterable[str]) -> str:
    """Return a short hash of texts."""
    digest = sha256()
    for part in parts:
        digest.update(part.encode(errors="surrogatepass"))
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def provenance(function: Callable[..., Any]) -> str:
    """Return a function's module and name, and the version of its package if that is installed."""
    target = function.func if isinstance(function, partial) else function
    module = getattr(target, "__module__", None) or type(target).__module__
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    installed = package_version(module)
    return f"{module}:{name}" + (f" ({installed})" if installed else "")


class Parts:
    """The texts that a fingerprint is the hash of.

    Parameters
    ----------
    with_docstrings : bool
        Whether docstrings are among them.
    """

    def __init__(self, with_docstrings: bool) -> None:
        self._with_docstrings = with_docstrings
        # Keeps values alive, as another one could reuse the id.
        self._seen: dict[int, object] = {}

    def anew(self) -> Parts:
        """Return an object of the same kind, for a value whose hash must not depend on what was seen before."""
        return Parts(self._with_docstrings)

    def of(self, value: object) -> Iterator[str]:
        """Yield the texts of a function or value."""
        if isinstance(value, PLAIN):
            yield repr(value)
        elif isinstance(value, (tuple, list)):
            yield type(value).__name__
            for item in value:
                yield from self.of(item)
        elif isinstance(value, (set, frozenset)):
            yield from sorted(hash_parts(self.anew().of(item)) for item in value)
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from self.of(key)
                yield from self.of(item)
        elif isinstance(value, Enum):
            yield f"{type(value).__qualname__}.{value.name}"
        elif isinstance(value, CodeType):
            yield from self.of_code(value)
        elif id(value) in self._seen:
            # Functions may call each other. Equal constants never get here: they may or may not be the same object.
            yield "again"
        else:
            self._seen[id(value)] = value
            if isinstance(value, FunctionType):
                yield from self.of_function(value)
            elif isinstance(value, MethodType):
                yield from self.of(value.__func__)
                yield from self.of(value.__self__)
            elif isinstance(value, partial):
                yield from self.of((value.func, value.args, value.keywords))
            else:
                yield from self.of_object(value)

    def of_function(self, function: FunctionType) -> Iterator[str]:
        """Yield the texts of a function and of what it uses."""
        installed = package_version(function.__module__)
        if installed:
            yield f"{function.__module__}:{function.__qualname__} {installed}"
            return
        yield from self.of_code(function.__code__)
        yield from self.of((function.__defaults__, function.__kwdefaults__))
        for cell in function.__closure__ or ():
            try:
                yield from self.of(cell.cell_contents)
            except ValueError:  # the cell is empty
                yield "nothing"
        for name in sorted(_names(function.__code__)):
            if name in function.__globals__:
                yield name
                yield from self._of_global(function.__globals__[name], function)

    def _of_global(self, value: object, function: FunctionType) -> Iterator[str]:
        """Yield the parts of a global that a function uses: a constant, a function, a class or a module."""
        if isinstance(value, ModuleType):
            if _package(value.__name__) == _package(function.__module__):
                for name in sorted(_names(function.__code__)):
                    item = vars(value).get(name)
                    if isinstance(item, (*PLAIN, FunctionType)) and item is not None:
                        yield from self.of(item)
            else:
                yield f"{value.__name__} {package_version(value.__name__)}"
        elif isinstance(value, (*PLAIN, tuple, frozenset, FunctionType, type)):
            yield from self.of(value)

    def of_code(self, code: CodeType) -> Iterator[str]:
        """Yield the texts of the code of a function."""
        constants, flags = code.co_consts, code.co_flags
        if not self._with_docstrings:
            flags &= ~_HAS_DOCSTRING
            if _has_unused_docstring(code):
                constants = (None, *constants[1:])
        yield code.co_code.hex()
        yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, flags))
        yield from self.of(constants)

    def of_object(self, value: object) -> Iterator[str]:
        """Yield the texts of a class or an object of any type."""
        call = getattr(type(value), "__call__", None)  # noqa: B004
        if isinstance(call, FunctionType):
            yield from self.of(call)
        module = getattr(value, "__module__", None) or type(value).__module__
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
        if name is not None:
            yield f"{module}:{name} {package_version(str(module))}"
            if isinstance(value, type) and not package_version(module):
                for key, item in sorted(vars(value).items()):
                    if isinstance(item, FunctionType):
                        yield key
                        yield from self.of(item)
            return
        yield f"{type(value).__module__}:{type(value).__qualname__}"
        try:
            yield sha256(pickle.dumps(value)).hexdigest()
        except Exception:
            # Objects that cannot be pickled are not distinguished from others of their type.
            yield "unknown"


@lru_cache(maxsize=4096)
def _has_unused_docstring(code: CodeType) -> bool:
    """Return whether the first constant of a function's code is its docstring and nothing else."""
    constants = code.co_consts
    if not constants or not isinstance(constants[0], str):
        return False
    if sys.version_info >= (3, 13):
        has_docstring = bool(code.co_flags & _HAS_DOCSTRING)
    else:
        # The first constant of a `def` is its docstring or None. Comprehensions have "<" names, classes no new locals.
        has_docstring = not code.co_name.startswith("<") and bool(code.co_flags & CO_NEWLOCALS)
    # An equal text in the body is the same constant.
    return has_docstring and not any(
        instruction.opcode in dis.hasconst and instruction.arg == 0
        for instruction in dis.get_instructions(code)
    )


def _names(code: CodeType) -> set[str]:
    """Return the names of globals and attributes that code uses, including those of nested functions."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


def package_version(module: str | None) -> str:
    """Return the name and version of a module's package if it is installed, otherwise an empty text."""
    package = sys.modules.get(_package(module))
    if package is None or module in (None, "__main__"):
        return ""
    file = getattr(package, "__file__", None)
    python = f"Python {platform.python_version()}"
    if file is None:
        return python if package.__name__ in sys.builtin_module_names else ""
    if not is_installed(file):
        return ""
    if package.__name__ in sys.stdlib_module_names:
        return python
    return f"{package.__name__} {getattr(package, '__version__', '')}".strip()
