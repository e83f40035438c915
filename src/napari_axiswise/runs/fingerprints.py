"""Fingerprints of functions and values: what tells that a run's second half would not be made as its first was.

A function's fingerprint is that of its code, of the constants and functions that it uses from its own package,
of its defaults and of what it closes over; comments and line numbers do not count. A function of another
package, or without Python code, is known by its name and its package's version.
"""

from __future__ import annotations

import pickle
import platform
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import lru_cache, partial
from hashlib import sha256
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

_PLAIN = (int, float, complex, str, bytes, bool, type(None))


def fingerprint(value: object) -> str:
    """Return a short text that is the same for the same function or value, in every process."""
    digest = sha256()
    for part in _parts(value, {}):
        digest.update(part.encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


def provenance(function: Callable[..., Any]) -> str:
    """Return where a function comes from: its module, name, and the version of its package if it has one."""
    target = function.func if isinstance(function, partial) else function
    module = getattr(target, "__module__", None) or type(target).__module__
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    released = _version(module)
    return f"{module}:{name}" + (f" ({released})" if released else "")


def _parts(value: object, seen: dict[int, object]) -> Iterator[str]:
    if isinstance(value, _PLAIN):
        yield repr(value)
    elif isinstance(value, (tuple, list)):
        yield type(value).__name__
        for item in value:
            yield from _parts(item, seen)
    elif isinstance(value, (set, frozenset)):
        yield from sorted(fingerprint(item) for item in value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _parts(key, seen)
            yield from _parts(item, seen)
    elif isinstance(value, Enum):
        yield f"{type(value).__qualname__}.{value.name}"
    elif isinstance(value, CodeType):
        yield from _code_parts(value, seen)
    elif id(value) in seen:
        # Functions may call each other. Constants, of which equal ones may or may not be the same, are never here.
        yield "again"
    else:
        # Kept alive, as another value could come to have the same id.
        seen[id(value)] = value
        if isinstance(value, FunctionType):
            yield from _function_parts(value, seen)
        elif isinstance(value, MethodType):
            yield from _parts(value.__func__, seen)
            yield from _parts(value.__self__, seen)
        elif isinstance(value, partial):
            yield from _parts((value.func, value.args, value.keywords), seen)
        else:
            yield from _object_parts(value, seen)


def _function_parts(function: FunctionType, seen: dict[int, object]) -> Iterator[str]:
    released = _version(function.__module__)
    if released:
        yield f"{function.__module__}:{function.__qualname__} {released}"
        return
    yield from _code_parts(function.__code__, seen)
    yield from _parts((function.__defaults__, function.__kwdefaults__), seen)
    for cell in function.__closure__ or ():
        try:
            yield from _parts(cell.cell_contents, seen)
        except ValueError:  # it is empty
            yield "nothing"
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            yield name
            yield from _global_parts(function.__globals__[name], function, seen)


def _global_parts(value: object, function: FunctionType, seen: dict[int, object]) -> Iterator[str]:
    """Yield what tells about a global that a function uses: constants, and functions and classes of its own package."""
    if isinstance(value, ModuleType):
        if _package(value.__name__) == _package(function.__module__):
            for name in sorted(_names(function.__code__)):
                item = vars(value).get(name)
                if isinstance(item, (*_PLAIN, FunctionType)) and item is not None:
                    yield from _parts(item, seen)
        else:
            yield f"{value.__name__} {_version(value.__name__)}"
    elif isinstance(value, (*_PLAIN, tuple, frozenset, FunctionType, type)):
        yield from _parts(value, seen)


def _code_parts(code: CodeType, seen: dict[int, object]) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_flags))
    yield from _parts(code.co_consts, seen)


def _names(code: CodeType) -> set[str]:
    """Return the names of globals and attributes that code uses, that of functions within it included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names


def _object_parts(value: object, seen: dict[int, object]) -> Iterator[str]:
    call = getattr(type(value), "__call__", None)  # noqa: B004
    if isinstance(call, FunctionType):
        yield from _parts(call, seen)
    module = getattr(value, "__module__", None) or type(value).__module__
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
    if name is not None:
        yield f"{module}:{name} {_version(str(module))}"
        if isinstance(value, type) and not _version(module):
            for key, item in sorted(vars(value).items()):
                if isinstance(item, FunctionType):
                    yield key
                    yield from _parts(item, seen)
        return
    yield f"{type(value).__module__}:{type(value).__qualname__}"
    try:
        yield sha256(pickle.dumps(value)).hexdigest()
    except Exception:
        # What cannot be pickled cannot be told from others of its kind.
        yield "unknown"


def _package(module: str | None) -> str:
    return (module or "").partition(".")[0]


@lru_cache
def _version(module: str | None) -> str:
    """Return name and version of the package of a module, if it is installed for good; else nothing."""
    package = sys.modules.get(_package(module))
    if package is None or module in (None, "__main__"):
        return ""
    file = getattr(package, "__file__", None)
    if file is None:
        return f"Python {platform.python_version()}" if package.__name__ in sys.builtin_module_names else ""
    where = Path(file)
    if not any(where.is_relative_to(folder) for folder in _installed()):
        return ""
    if package.__name__ in sys.stdlib_module_names:
        return f"Python {platform.python_version()}"
    return f"{package.__name__} {getattr(package, '__version__', '')}".strip()


def _installed() -> list[str]:
    """Return the folders of what is installed: of Python, and of packages."""
    paths = sysconfig.get_paths()
    return [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
