"""What functions use by its name, and workers therefore import: other functions, classes, and variables of modules.

What goes to workers by value is the same there. What goes by name is whatever its module has there, whose source may be
older or newer than here, and whose variables have other values if a script has set them here. Names that code makes
up, for `getattr` or `import_module`, are not followed.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from operator import attrgetter
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from ..calling import plain_function
from .changes import DottedName, changed_names
from .digests import beneath, class_members, is_code
from .fingerprints import PLAIN, package_version

Name = tuple[str, str]
"""A module, and a name in it."""

_SETUP = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"})


@dataclass(frozen=True)
class Uses:
    """What functions use by name.

    Parameters
    ----------
    values : mapping
        What each name stands for in this process.
    ignored : frozenset of str
        Attributes of objects that the functions change themselves, as caches.
    """

    values: Mapping[Name, object]
    ignored: frozenset[str] = frozenset()

    @classmethod
    def of(cls, *roots: object) -> Uses:
        """Return what functions use, and what these use in turn.

        Parameters
        ----------
        *roots : object
            Functions, or values that contain functions.
        """
        search = _Search()
        search.follow(roots)
        changed, ignored = search.changes()
        values = {name: _plain(value) for name, value in search.values.items() if name not in changed}
        return cls(values, ignored)


def value_of(name: Name) -> object:
    """Return what a name of a module stands for in this process.

    Raises
    ------
    AttributeError
        The module has no such name.
    Exception
        What importing the module raises.
    """
    module, attribute = name
    return _plain(attrgetter(attribute)(import_module(module)))


@dataclass(frozen=True)
class _CodeNames:
    """The names in a function's code and the functions inside it.

    Parameters
    ----------
    globals : frozenset of tuple
        Names of the module, with the attributes after them.
    imported : frozenset of str
        Modules that it imports when it is called.
    every : frozenset of str
        All names and attributes.
    """

    globals: frozenset[DottedName]
    imported: frozenset[str]
    every: frozenset[str]


@lru_cache(maxsize=4096)
def _names_in(code: CodeType) -> _CodeNames:
    found: set[DottedName] = set()
    imported: set[str] = set()
    every = set(code.co_names)
    current: DottedName = ()
    for instruction in dis.get_instructions(code):
        if current and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            current = (*current, instruction.argval)
            continue
        found.add(current)
        current = (instruction.argval,) if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME") else ()
        if instruction.opname == "IMPORT_NAME":
            imported.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = _names_in(constant)
            found |= inner.globals
            imported |= inner.imported
            every |= inner.every
    return _CodeNames(frozenset(found - {()}), frozenset(imported), frozenset(every))


class _Search:
    """A search for what functions use by name."""

    def __init__(self) -> None:
        self.values: dict[Name, object] = {}
        self._functions: list[FunctionType] = []
        self._todo: list[tuple[object, bool]] = []
        # Keeps values alive, as another one could reuse the id.
        self._seen: dict[tuple[int, bool], object] = {}

    def follow(self, roots: Collection[object]) -> None:
        """Search functions and values that are sent to workers."""
        self._todo = [(root, False) for root in roots]
        while self._todo:
            value, loaded = self._todo.pop()
            key = (id(value), loaded)
            if key not in self._seen and not isinstance(value, PLAIN):
                self._seen[key] = value
                self._visit(value, loaded)

    def _visit(self, value: object, loaded: bool) -> None:
        """Visit a value that is sent, or that workers have `loaded` with a module."""
        home = None if loaded else _home(value)
        if home is not None:
            if not _is_python(home[0]) and not (isinstance(value, type) and package_version(home[0])):
                self.values[home] = value
                self._todo.append((value, True))
            return
        function = beneath(value)
        if isinstance(function, FunctionType):
            self._visit_function(function, loaded)
        self._todo += [(part, loaded) for part in _parts(value)]
        if not isinstance(value, (type, FunctionType)):
            self._todo.append((type(value), False))

    def _visit_function(self, function: FunctionType, loaded: bool) -> None:
        self._functions.append(function)
        names = _names_in(function.__code__)
        for dotted in names.globals:
            first = function.__globals__.get(dotted[0])
            if loaded and isinstance(first, ModuleType):
                self._use(function, (_module_of_globals(function), dotted[0]), first)
            found = _resolve(function, dotted)
            if found is None:
                continue
            owner, name, value, attributes = found
            if owner and (loaded or len(dotted) > 1 + len(attributes)):
                self._use(function, (owner, name), value)
            else:
                # The globals of a function that is sent by value go with it.
                self._todo.append((value, False))
        for imported in names.imported:
            self._visit_import(function, imported, names.every)

    def _visit_import(self, function: FunctionType, imported: str, names: Collection[str]) -> None:
        """Visit a module that a function imports when it is called."""
        package = str(function.__globals__.get("__package__") or "")
        candidates = {imported, f"{package}.{imported}".strip(".")} - {""}
        for module in sorted(candidates):
            if module in sys.modules and not package_version(module):
                variables = vars(sys.modules[module])
                for name in sorted(variables.keys() & names):
                    self._use(function, (module, name), variables[name])

    def _use(self, function: FunctionType, name: Name, value: object) -> None:
        """Add what a function finds under a name of a module."""
        owner = name[0]
        if name in self.values or _is_python(owner) or owner in ("", "__main__"):
            return
        if isinstance(value, ModuleType):
            if not package_version(owner):
                self.values[name] = value
            return
        home = _module_of(value)
        same = _package(owner) == _package(function.__module__)
        own_code = is_code(value) and not package_version(home)
        if package_version(owner) and not (_is_plain(value) or own_code or (same and is_code(value))):
            # It is known by the version of its package.
            return
        self.values[name] = value
        if not package_version(home) or _package(home) == _package(function.__module__):
            self._todo.append((value, True))

    def changes(self) -> tuple[set[Name], frozenset[str]]:
        """Return the variables, and the attributes of objects, that the functions change themselves."""
        changed: set[Name] = set()
        ignored: set[str] = set()
        if all(is_code(value) and not isinstance(value, type) for value in self.values.values()):
            return changed, frozenset()
        called = self._called_names()
        for function in self._functions:
            for dotted in changed_names(function.__code__):
                found = _resolve(function, dotted)
                if found is not None:
                    owner, name, value, attributes = found
                    if attributes:
                        ignored.add(attributes[0])
                    elif not isinstance(value, ModuleType):  # np.add(…) changes nothing
                        changed.add((owner, name))
                elif len(dotted) > 1 and dotted[0] == _receiver(function) and function.__name__ in called:
                    ignored.add(dotted[1])
        return changed, frozenset(ignored)

    def _called_names(self) -> set[str]:
        """Return the names of all functions that may be called, other than those that set an object up."""
        methods = {function.__name__ for function in self._functions if _receiver(function)}
        called = {name for name in methods if name.startswith("__")} - _SETUP
        before = None
        while before != len(called):
            before = len(called)
            for function in self._functions:
                if not _receiver(function) or function.__name__ in called:
                    called |= _names_in(function.__code__).every - _SETUP
        return called


def _resolve(function: FunctionType, dotted: DottedName) -> tuple[str, str, object, DottedName] | None:
    """Return what a dotted name stands for: its module, its name there, its value, and further attributes.

    The module is empty if the function has globals of its own.
    """
    name, *rest = dotted
    variables: Mapping[str, Any] = function.__globals__
    owner = _module_of_globals(function)
    while name in variables:
        value = variables[name]
        if not isinstance(value, ModuleType) or not rest:
            return owner, name, value, tuple(rest)
        owner, variables = value.__name__, vars(value)
        name, *rest = rest
    return None


def _module_of_globals(function: FunctionType) -> str:
    """Return the module whose variables a function uses; empty if it has globals of its own."""
    # Not __module__, which decorators set to that of another function.
    module = str(function.__globals__.get("__name__", ""))
    is_loaded = module in sys.modules and vars(sys.modules[module]) is function.__globals__
    return module if is_loaded else ""


def _home(value: object) -> Name | None:
    """Return the name under which a worker will look for a function or class; None if it is sent by value."""
    if not is_code(value):
        return None
    module, name = _module_of(value), getattr(value, "__qualname__", "")
    try:
        found = attrgetter(name)(sys.modules[module])
    except (AttributeError, KeyError):
        return None
    if module == "__main__" or not (found is value or plain_function(found) is value):
        return None
    return module, name


def _parts(value: object) -> Iterator[object]:
    """Yield the values in a value that may be, or contain, functions."""
    function = beneath(value)
    if isinstance(function, FunctionType):
        yield from (function.__defaults__ or ())
        yield from (function.__kwdefaults__ or {}).values()
        for cell in function.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # it is empty
                continue
    elif isinstance(value, type):
        yield from value.__bases__
        if not package_version(value.__module__):
            yield from class_members(value).values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from value
    elif isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, MethodType):
        yield from (value.__func__, value.__self__)
    elif not package_version(type(value).__module__):
        yield from getattr(value, "__dict__", {}).values()


def _receiver(function: FunctionType) -> str:
    """Return the name of the first parameter of a method; empty for other functions."""
    is_method = "." in function.__qualname__.rpartition("<locals>.")[-1]
    return function.__code__.co_varnames[0] if is_method and function.__code__.co_argcount else ""


def _module_of(value: object) -> str:
    function = beneath(value)
    return str(getattr(function, "__module__", None) or type(value).__module__)


def _package(module: str) -> str:
    return module.partition(".")[0]


def _is_python(module: str) -> bool:
    return package_version(module).startswith("Python ")


def _is_plain(value: object) -> bool:
    return isinstance(value, PLAIN) or (isinstance(value, tuple) and all(map(_is_plain, value)))


def _plain(value: object) -> object:
    return plain_function(value) if callable(value) else value
