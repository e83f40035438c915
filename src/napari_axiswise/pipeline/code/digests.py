"""Digests of functions, classes and module variables as they are in this process now.

Unlike a `fingerprint`, a digest does not cover what a function uses: `Uses` finds that, and each thing has a digest of
its own. Digests of two processes are compared, so they do not depend on the identity of objects, as pickles do.
"""

from __future__ import annotations

import copyreg
import ctypes
import inspect
import os
import random
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property, lru_cache, partial, partialmethod
from hashlib import sha256
from types import FunctionType, MethodType, ModuleType
from typing import cast
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

import numpy as np

from .changes import changed_names
from .fingerprints import PLAIN, Parts, hash_parts, package_version

_LONGEST = 60
"""Maximum length of a value that stands for itself, so that messages can show it."""

_HASHED = re.compile(r"\w\S* ([0-9a-f]{16}|[?]{16})")
"""The digest of any other value: its type and a hash."""

_TRANSPARENT = ("Python ", "numpy ", "pandas ")
"""Versions of packages whose objects are compared by all that they hold. Own classes are, too."""

_OPAQUE = (
    random.Random, np.random.Generator, np.random.RandomState, np.random.BitGenerator,
    WeakSet, WeakKeyDictionary, WeakValueDictionary, type(os.environ), ctypes.CDLL,
)  # fmt: skip
"""Types whose objects differ in every process: generators of random numbers, caches, and the environment."""

_RUNNING = frozenset({"threading", "queue", "concurrent", "asyncio", "multiprocessing", "subprocess"})
"""Packages of Python whose objects are in a state of their own in every process, such as events and executors."""

_PLAIN_TYPES = frozenset(PLAIN)

Attribute = tuple[str, str]
"""A class or function, see `qualified_name`, and an attribute of its objects or of itself."""

ITEMS = "[]"
"""The attribute that stands for the items of a container."""


def digest(value: object, ignored: Collection[Attribute] = ()) -> str:
    """Return a short text that is the same for the same function, class or value in every process.

    Parameters
    ----------
    value : object
        What a module has under a name. A short literal is its own digest.
    ignored : collection of tuple
        Attributes that do not count.
    """
    version = package_version(getattr(beneath(value), "__module__", None)) if is_code(value) else ""
    if version:
        return f"{qualified_name(beneath(value))} of {version}"
    name = type(value).__qualname__
    try:
        if _is_literal(value) and len(repr(value)) <= _LONGEST:
            return repr(value)
        return f"{name} {hash_parts(_LiveParts(ignored).of(value))}"
    except RecursionError:
        return f"{name} {'?' * 16}"


def is_readable(digest: str) -> bool:
    """Return whether a digest says what it stands for."""
    return _HASHED.fullmatch(digest) is None


def is_code(value: object) -> bool:
    """Return whether a value is a function, a class, or an object around a function, such as one with a cache."""
    return isinstance(value, (FunctionType, type)) or isinstance(beneath(value), FunctionType)


def qualified_name(code: object) -> str:
    """Return the module and name of a class or function."""
    return f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', '')}"


def _is_literal(value: object) -> bool:
    if isinstance(value, (dict, tuple, list)) and len(value) > _LONGEST:
        return False
    if type(value) is dict:
        return all(map(_is_literal, (*value, *value.values())))
    if type(value) is tuple or type(value) is list:
        return all(map(_is_literal, value))
    return isinstance(value, PLAIN)


def beneath(value: object) -> object:
    """Return the function in a descriptor or wrapper, such as a property or an `lru_cache`; other values unchanged."""
    if isinstance(value, (staticmethod, classmethod)):
        return beneath(value.__func__)
    if isinstance(value, property):
        return beneath(value.fget)
    if isinstance(value, (cached_property, partialmethod)):
        return beneath(value.func)
    if isinstance(value, (FunctionType, type, MethodType, partial)) or not callable(value):
        return value
    try:
        return inspect.unwrap(value)
    except ValueError:  # it wraps itself
        return value


def class_members(cls: type) -> dict[str, object]:
    """Return what a class defines: its methods, and variables other than those that Python adds."""
    members = {
        name: value
        for name, value in sorted(vars(cls).items())
        if isinstance(beneath(value), FunctionType) or not (name.startswith("__") or name == "_abc_impl")
    }
    if issubclass(cls, Enum):
        # Others such as _value2member_map_ grow when flags are combined.
        return {name: value for name, value in members.items() if not name.startswith("_")} | cls.__members__
    return members


class _LiveParts(Parts):
    """The texts that a digest is the hash of.

    Parameters
    ----------
    ignored : collection of tuple
        Attributes that do not count.
    """

    def __init__(self, ignored: Collection[Attribute]) -> None:
        super().__init__(with_docstrings=False)
        self._ignored = ignored

    def anew(self) -> Parts:
        return _LiveParts(self._ignored)

    def of(self, value: object) -> Iterator[str]:
        if isinstance(value, _OPAQUE) or type(value).__module__.partition(".")[0] in _RUNNING:
            yield type(value).__qualname__
        elif _is_plain_container(value):
            yield f"{type(value).__name__} {sorted(map(repr, value)) if isinstance(value, set) else value!r}"
        elif self._is_ignored(type(value), ITEMS):
            yield qualified_name(type(value))
        elif isinstance(value, Enum):
            # Its value may be an object, and differ after an edit.
            yield f"{type(value).__qualname__}.{value.name}"
            yield from super().of(value.value)
        elif type(value) is np.memmap:
            # Processes share the file, which may be huge.
            yield f"{value.dtype} {value.shape} {value.strides} {value.filename} {value.offset}"
        elif type(value) is np.ndarray:  # subclasses have more than items, such as a mask
            yield f"{value.dtype} {value.shape}"
            if value.dtype.hasobject:
                yield from super().of(value.tolist())
            else:
                yield sha256(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data).hexdigest()
        else:
            yield from super().of(value)

    def of_function(self, function: FunctionType) -> Iterator[str]:
        yield f"{function.__module__}:{function.__qualname__}"
        yield from self.of_code(function.__code__)
        kept = _kept_values(function)
        if not all(isinstance(value, PLAIN) for value in kept.values()):
            changed = {name for name, *_ in changed_names(function.__code__)}
            kept = {name: value for name, value in kept.items() if name not in changed}
        yield from self.of(kept)
        for name, value in sorted(vars(function).items()):
            if not (name.startswith("__") or is_code(value) or self._is_ignored(function, name)):
                yield name
                yield from self.of(value)

    def of_object(self, value: object) -> Iterator[str]:
        if isinstance(value, type):
            yield from self._of_class(value)
        elif isinstance(value, ModuleType):
            yield value.__name__
        elif isinstance(value, property):
            yield from self.of([value.fget, value.fset, value.fdel])
        elif beneath(value) is not value:
            yield type(value).__qualname__
            yield from self.of(beneath(value))
        else:
            yield from self._of_state(value)

    def _of_class(self, cls: type) -> Iterator[str]:
        yield f"{cls.__module__}:{cls.__qualname__}"
        if package_version(cls.__module__):
            return
        for base in cls.__bases__:
            yield from self.of(base)
        for name, value in class_members(cls).items():
            if not self._is_ignored(cls, name):
                yield name
                yield from self.of(value)

    def _of_state(self, value: object) -> Iterator[str]:
        """Yield what a copy of an object would be made of."""
        cls = type(value)
        yield f"{cls.__module__}:{cls.__qualname__}"
        version = package_version(cls.__module__)
        if version and not version.startswith(_TRANSPARENT):
            # Such as a model, whose weights are large, and whose other state is its package's own.
            attributes = getattr(value, "__dict__", {})
            yield from self.of({name: item for name, item in attributes.items() if isinstance(item, PLAIN)})
            return
        try:
            reduce = copyreg.dispatch_table.get(cls)
            parts = reduce(value) if reduce else value.__reduce_ex__(4)
        except Exception:
            yield "unknown"
            return
        if isinstance(parts, str):
            yield parts
            return
        _, arguments, state, items, pairs = [*parts, None, None, None][:5]
        if is_dataclass(value) and isinstance(state, list):
            # It has slots and is frozen.
            state = dict(zip([field.name for field in fields(value)], state, strict=True))
        yield from self.of([argument for argument in arguments or () if argument is not cls])
        for part in state if isinstance(state, tuple) else (state,):
            # An object without attributes has the state None.
            yield from self.of(self._counted({} if part is None else part, cls))
        yield from self.of([list(items or ()), list(pairs or ())])

    def _counted(self, state: object, cls: type) -> object:
        """Return the state of an object without what is ignored, and what properties have kept."""
        if not isinstance(state, dict):
            return state
        return {
            name: value
            for name, value in state.items()
            if not (self._is_ignored(cls, str(name)) or _is_kept_property(cls, str(name)))
        }

    def _is_ignored(self, owner: type | FunctionType, name: str) -> bool:
        """Return whether an attribute of a class, of its objects or of a function does not count."""
        if not self._ignored:
            return False
        owners = (
            [*inspect.getmro(owner), *inspect.getmro(type(owner))] if isinstance(owner, type) else [owner]
        )
        return any((qualified_name(one), name) in self._ignored for one in owners)


def _is_plain_container(value: object) -> bool:
    """Return whether a container has only plain values, whose text is then theirs."""
    if type(value) is dict:
        return _PLAIN_TYPES.issuperset(map(type, (*value, *value.values())))
    is_container = type(value) in (list, tuple, set)
    return is_container and _PLAIN_TYPES.issuperset(map(type, cast(Iterable[object], value)))


@lru_cache(maxsize=4096)
def _is_kept_property(cls: type, name: str) -> bool:
    """Return whether an attribute hides a descriptor without a setter, which has kept its value there."""
    member = inspect.getattr_static(cls, name, None)
    is_method = isinstance(member, (FunctionType, staticmethod, classmethod))
    return hasattr(type(member), "__get__") and not hasattr(type(member), "__set__") and not is_method


def _kept_values(function: FunctionType) -> dict[str, object]:
    """Return the values that a function keeps between calls: defaults of its parameters, and its closure."""
    code = function.__code__
    defaults = function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    kept = dict(zip(names, defaults, strict=True)) | (function.__kwdefaults__ or {})
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # the cell is empty
            kept[name] = cell.cell_contents
    return kept
