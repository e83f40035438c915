"""Pickles of steps for worker processes.

What was typed into a console or a script travels by value, anything else by its name.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import cache, cached_property, lru_cache
from importlib import import_module
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, cast
from weakref import WeakKeyDictionary, WeakValueDictionary

import cloudpickle
from cloudpickle.cloudpickle import subimport

from ..calling import factory_of, plain_function

_CACHED = type(lru_cache(len))
"""The type of functions with a cache, which pickle would look up by name wherever they were defined."""


_WEAK = (WeakKeyDictionary, WeakValueDictionary)
"""Types of caches that refer to objects of their process, such as that of `functools.singledispatch`."""


class NotImportable(ValueError):
    """Error of a pickle that names something which workers cannot import.

    Parameters
    ----------
    name : str
        The name, with its module.
    """

    def __init__(self, name: str) -> None:
        super().__init__(
            f"it uses {name}, which a worker cannot import. Move it into a .py file in a folder of sys.path, such as "
            "that of the script, and import it from there"
        )


def dumps_each(values: Iterable[object]) -> bytes:
    """Pickle objects one after another, those defined in a console by value, and others by name.

    Unlike cloudpickle, pickle a function in a magicgui widget by name, too, although its module contains the widget, a
    function with a cache by value where its module cannot be imported, and weak caches as empty ones. Members of an
    Enum are pickled by name, as in Python 3.12, because their values may not be picklable.
    """
    stream = BytesIO()
    pickler = _Pickler(stream)
    for value in values:
        pickler.dump(value)
    return stream.getvalue()


def loads_each(pickled: bytes) -> Iterator[Any]:
    """Yield the objects that `dumps_each` has pickled."""
    unpickler = pickle.Unpickler(BytesIO(pickled))
    while True:
        try:
            yield unpickler.load()
        except EOFError:
            return


def check_loads(pickled: bytes) -> None:
    """Check that a worker process can load a pickle.

    Raises
    ------
    NotImportable
        It names an object of a module that workers cannot import.
    Exception
        What loading raises.
    """
    _WorkerUnpickler(BytesIO(pickled)).load()


def is_importable(module: str) -> bool:
    """Return whether a new process would import the module that is loaded here.

    Consoles, scripts, modules that code created, and modules from outside ``sys.path`` are not importable.
    """
    package = module.partition(".")[0]
    if package == "__main__":
        return False
    finders = [finder.find_spec for finder in sys.meta_path if hasattr(finder, "find_spec")]
    spec = next(filter(None, (find(package, None) for find in finders)), None)
    if spec is None:
        return False
    here = getattr(sys.modules.get(package), "__file__", None)
    there = spec.origin if spec.has_location else None
    return here is None or there is None or Path(here).resolve() == Path(there).resolve()


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Enum) and value.name in type(value).__members__:
            return getattr, (type(value), value.name)
        if factory_of(value) is not None and is_importable(value.__module__):
            return _load_plain, (value.__module__, value.__qualname__)
        if isinstance(value, _CACHED) and not _is_found(value):
            return _load_cached, (value.__wrapped__, value.cache_parameters())
        if type(value) is cached_property:
            return _load_property, (value.func, value.attrname)
        if type(value) in _WEAK:
            return type(value), ()
        return super().reducer_override(value)


class _WorkerUnpickler(pickle.Unpickler):
    """Loads a pickle as a worker would, which has another main module."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(stream)
        self._is_importable = cache(is_importable)

    def find_class(self, module: str, name: str) -> Any:
        if not self._is_importable(module):
            raise NotImportable(f"{name} of {module}")
        found = super().find_class(module, name)
        return _import_checked if found is subimport else found


def _import_checked(module: str) -> object:
    if not is_importable(module):
        raise NotImportable(f"the module {module}")
    return subimport(module)


def _is_found(value: Any) -> bool:
    """Return whether a worker can import an object by its name."""
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if module not in sys.modules or name is None or not is_importable(module):
        return False
    try:
        return attrgetter(name)(sys.modules[module]) is value
    except AttributeError:
        return False


def _load_plain(module: str, name: str) -> Callable[..., Any]:
    return plain_function(attrgetter(name)(import_module(module)))


def _load_property(function: Callable[..., Any], name: str | None) -> cached_property[Any]:
    loaded = cached_property(function)
    if name is not None:
        loaded.__set_name__(object, name)
    return loaded


def _load_cached(function: Callable[..., Any], parameters: Mapping[str, Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", lru_cache(**parameters)(function))
