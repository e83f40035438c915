"""What functions use by its name, and workers therefore import: other functions, classes, and variables of modules.

What goes to workers by value is the same there. What goes by name is whatever its module has there, whose source may be
older or newer than here, and whose variables have other values if a script has set them here. Names that code puts
together, for `getattr` or `import_module`, are not followed; those that are literals are.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from operator import attrgetter
from types import FunctionType, MethodType, ModuleType

from ..calling import plain_function
from .changes import changed_names, local_names
from .code_names import DottedName, names_in
from .digests import ITEMS, Attribute, beneath, class_members, is_code, qualified_name
from .fingerprints import PLAIN, package_version

Name = tuple[str, str]
"""A module, and a name in it."""

_MISSING = object()

_MODULE_FINDERS = frozenset({"import_module", "__import__", "modules"})
"""Names by which a function finds a module whose name is a text."""

_SETUP = frozenset({"__init__", "__post_init__", "__init_subclass__", "__set_name__"})


@dataclass(frozen=True)
class Uses:
    """What functions use by name.

    Parameters
    ----------
    values : mapping
        What each name stands for in this process.
    ignored : frozenset of tuple
        Attributes that the functions change themselves, as caches.
    """

    values: Mapping[Name, object]
    ignored: frozenset[Attribute] = frozenset()

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
    try:
        return _plain(attrgetter(attribute)(import_module(module)))
    except AttributeError:
        with suppress(ImportError):  # it may be a module that nothing has imported here yet
            return import_module(f"{module}.{attribute}")
        raise


class _Search:
    """A search for what functions use by name."""

    def __init__(self) -> None:
        self.values: dict[Name, object] = {}
        self._functions: list[FunctionType] = []
        self._setters: set[object] = set()
        self._modules: dict[str, ModuleType] = {}
        self._words: set[str] = set()
        self._todo: list[tuple[object, bool]] = []
        # Keeps values alive, as another one could reuse the id.
        self._seen: dict[tuple[int, bool], object] = {}

    def follow(self, roots: Collection[object]) -> None:
        """Search functions and values that are sent to workers."""
        self._todo = [(root, False) for root in roots]
        while self._todo:
            while self._todo:
                value, loaded = self._todo.pop()
                key = (id(value), loaded)
                if key not in self._seen and not isinstance(value, PLAIN):
                    self._seen[key] = value
                    self._visit(value, loaded)
            self._visit_modules()

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
        if isinstance(value, property):
            self._setters.add(value.fset)
        if isinstance(value, ModuleType) and not package_version(value.__name__):
            self._modules[value.__name__] = value
        self._todo += [(part, loaded) for part in _parts(value) if not isinstance(part, PLAIN)]
        if not isinstance(value, (type, FunctionType)):
            self._todo.append((type(value), False))

    def _visit_function(self, function: FunctionType, loaded: bool) -> None:
        self._functions.append(function)
        names = names_in(function.__code__)
        self._words |= names.every | names.texts
        if not names.every.isdisjoint(_MODULE_FINDERS):
            named = (name for name in names.texts if name in sys.modules and not package_version(name))
            self._modules |= {name: sys.modules[name] for name in named}
        for dotted in names.globals:
            first = function.__globals__.get(dotted[0])
            if loaded and isinstance(first, ModuleType):
                self._use(function.__module__, (_module_of_globals(function), dotted[0]), first)
            found = _resolve(function, dotted)
            if found is None:
                continue
            owner, name, value, attributes = found
            if owner and (loaded or len(dotted) > 1 + len(attributes)):
                self._use(function.__module__, (owner, name), value)
            else:
                # The globals of a function that is sent by value go with it.
                self._todo.append((value, False))
        for imported in names.imported:
            self._visit_import(function, imported, names.every)

    def _visit_modules(self) -> None:
        """Visit the modules that are passed on, or found by their names: any function may use what they have."""
        for module in list(self._modules.values()):
            variables = vars(module)
            for name in sorted(variables.keys() & self._words):
                self._use(module.__name__, (module.__name__, name), variables[name])

    def _visit_import(self, function: FunctionType, imported: str, names: Collection[str]) -> None:
        """Visit a module that a function imports when it is called."""
        package = str(function.__globals__.get("__package__") or "")
        candidates = {imported, f"{package}.{imported}".strip(".")} - {""}
        for module in sorted(candidates):
            if module in sys.modules and not package_version(module):
                variables = vars(sys.modules[module])
                for name in sorted(variables.keys() & names):
                    self._use(function.__module__, (module, name), variables[name])

    def _use(self, user: str, name: Name, value: object) -> None:
        """Add what functions of the module `user` find under a name of a module."""
        owner = name[0]
        if name in self.values or _is_python(owner) or owner in ("", "__main__"):
            return
        if owner not in sys.modules:
            # A module that code has created is sent by value.
            self._todo.append((value, False))
            return
        if isinstance(value, ModuleType):
            if not package_version(owner):
                self.values[name] = value
            self._todo.append((value, True))
            return
        home = _module_of(value)
        same = _package(owner) == _package(user)
        own_code = is_code(value) and not package_version(home)
        if package_version(owner) and not (_is_plain(value) or own_code or (same and is_code(value))):
            # It is known by the version of its package.
            return
        self.values[name] = value
        if not is_code(value) or not package_version(home) or _package(home) == _package(user):
            self._todo.append((value, True))

    def changes(self) -> tuple[set[Name], frozenset[Attribute]]:
        """Return the variables and the attributes that the functions change themselves."""
        changed: set[Name] = set()
        ignored: set[Attribute] = set()
        called, stored = self._called_names()
        for function in self._functions:
            for dotted in changed_names(function.__code__):
                first, *attributes = dotted
                if first == _receiver(function):
                    if function.__name__ in (stored if function in self._setters else called):
                        ignored.add((_class_of(function), attributes[0] if attributes else ITEMS))
                elif first in function.__code__.co_freevars:
                    if attributes:
                        ignored.add((_owner_of(_closure(function).get(first)), attributes[0]))
                elif first not in local_names(function.__code__) and (found := _resolve(function, dotted)):
                    owner, name, value, rest = found
                    if rest:
                        ignored.add((_owner_of(value), rest[0]))
                    elif not isinstance(value, ModuleType):  # np.add(…) changes nothing
                        changed.add((owner, name))
        return changed, frozenset(ignored)

    def _called_names(self) -> tuple[set[str], set[str]]:
        """Return the names of all functions that may be called, other than those that set an object up.

        The second set has the attributes that these functions set.
        """
        methods = {function.__name__ for function in self._functions if _receiver(function)}
        called = {name for name in methods if name.startswith("__")} - _SETUP
        stored: set[str] = set()
        before = None
        while before != len(called):
            before = len(called)
            for function in self._functions:
                if not _receiver(function) or function.__name__ in called:
                    names = names_in(function.__code__)
                    called |= names.every - _SETUP
                    stored |= names.stored
        return called, stored


def _resolve(function: FunctionType, dotted: DottedName) -> tuple[str, str, object, DottedName] | None:
    """Return what a dotted name stands for: its module, its name there, its value, and further attributes.

    The module is empty if the function has globals of its own.
    """
    name, *rest = dotted
    owner = _module_of_globals(function)
    value = function.__globals__.get(name, _MISSING)
    while value is not _MISSING:
        if not isinstance(value, ModuleType) or not rest:
            return owner, name, value, tuple(rest)
        owner, module = value.__name__, value
        name, *rest = rest
        value = _variable(module, name)
    return None


def _variable(module: ModuleType, name: str) -> object:
    """Return what a module has under a name, if need be from its function ``__getattr__``."""
    if name not in vars(module) and "__getattr__" in vars(module) and not package_version(module.__name__):
        with suppress(Exception):
            return getattr(module, name)
    return vars(module).get(name, _MISSING)


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
    if isinstance(value, property):
        yield from (value.fget, value.fset, value.fdel)
    elif isinstance(function, FunctionType):
        yield from (function.__defaults__ or ())
        yield from (function.__kwdefaults__ or {}).values()
        yield from _closure(function).values()
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
    elif not isinstance(value, ModuleType):
        attributes = getattr(value, "__dict__", {}).values()
        known = package_version(type(value).__module__)
        yield from (part for part in attributes if is_code(part)) if known else attributes


def _closure(function: FunctionType) -> dict[str, object]:
    """Return the variables of enclosing functions that a function uses."""
    found: dict[str, object] = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # the cell is empty
            found[name] = cell.cell_contents
    return found


def _class_of(method: FunctionType) -> str:
    """Return the module and name of the class that defines a method."""
    return f"{method.__module__}.{method.__qualname__.rpartition('.')[0]}"


def _owner_of(value: object) -> str:
    """Return the module and name of a class or function, or of the class of an object."""
    return qualified_name(value if isinstance(value, (type, FunctionType)) else type(value))


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
