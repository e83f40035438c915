"""Step: one function of a pipeline, with its inputs and options."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.kinds import IMAGE, KINDS, OutputKind
from ..core.text import quote_names
from .annotations import returned_kind
from .calling import plain_function

RAW = "raw"
"""Name of the dataset's own planes as an input of steps."""

LABELS = "labels/"
"""Prefix of the names of the dataset's label images as inputs of steps."""

ZARR = "zarr.json"
"""Name of the file with the metadata of a Zarr group, which is in the folder that steps are in."""

RESERVED = (RAW, ZARR)
"""Names that steps cannot have: that of the dataset's planes, and that of Zarr metadata."""

_DEVICES = re.compile(r"(?i:con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?")
"""Names that Windows has for devices, also with an extension."""

LONGEST_NAME = 200
"""Maximum length of a step's name in bytes. It names folders, for which file systems allow 255."""

ANY = "*"
"""Key of the route for all values that have no route of their own."""

StepFunction = Callable[..., Any]
Route = StepFunction | tuple[StepFunction, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class Step:
    """One function of a pipeline, with its inputs and options.

    Parameters
    ----------
    function : callable or mapping
        Function that is called with one array per input and `params` as keyword arguments. It may accept and return
        napari layers, and may be a ``@magic_factory``. A mapping selects the function by the value of the `group_by`
        component: its values are functions, or pairs of function and params. ``"*"`` is for all other values.
    params : mapping, optional
        Keyword arguments of the function, or of all functions.
    name : str, optional
        Name of the step. Defaults to the function's name.
    inputs : str or sequence of str, optional
        Names of earlier steps, ``"raw"``, or ``"labels/nuclei"`` for a label image of the dataset. Defaults to the
        step before.
    output : {"image", "labels", "points", "table"}, optional
        Kind of the output. By default it is read from the function's return annotation (``napari.types.LabelsData``,
        ``DataFrame``, …) or, for ``LayerDataTuple``, from its source code; else ``"image"``.
    variable : str or sequence of str, optional
        Components that are stacked into leading axes of each input. Defaults to the run's.
    group_by : str, optional
        Component whose value selects the function. Defaults to the run's.
    keep : bool, optional
        Whether to save the output. Defaults to True for the last step and for labels, points and tables.
    enabled : bool
        Whether to run the step. If not, later steps get its first input instead of its output.

    Raises
    ------
    ValueError
        There is no function, `output` is unknown, or `name` cannot be the name of a folder.

    Examples
    --------
    >>> from napari_axiswise.functions import gaussian, project
    >>> blur = aw.Step(gaussian, {"sigma": 2}, name="blur")
    >>> movie = aw.Step(project, variable="timepoint")  # gets (T, Y, X), returns (Y, X)

    A function for each channel, and one for all others:

    >>> routed = aw.Step({"1": gaussian, "*": (gaussian, {"sigma": 3})}, name="even", group_by="channel")
    """

    function: StepFunction | Mapping[str, Route]
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    inputs: tuple[str, ...] | None = None
    output: str | None = None
    variable: tuple[str, ...] | None = None
    group_by: str | None = None
    keep: bool | None = None
    enabled: bool = True
    named: bool = field(init=False, repr=False, default=True)
    output_kind: OutputKind = field(init=False, repr=False, default=IMAGE)

    def __post_init__(self) -> None:
        routed = isinstance(self.function, Mapping)
        object.__setattr__(self, "params", dict(self.params))
        if isinstance(self.function, Mapping):
            plain: Any = {str(key): _plain_route(route) for key, route in self.function.items()}
        else:
            plain = plain_function(self.function)
        object.__setattr__(self, "function", plain)
        functions = [function for function, _ in self.routes.values()]
        if not functions or not all(callable(function) for function in functions):
            raise ValueError(f"A step needs a function or a mapping to functions, not {self.function!r}.")
        if not self.name:
            object.__setattr__(self, "named", False)
            object.__setattr__(self, "name", "routed" if routed else function_name(functions[0]))
        if not _names_folder(self.name):
            raise ValueError(
                f"{self.name!r} cannot be the name of a step: it names a folder, on any system, and "
                f"{' and '.join(RESERVED)} are reserved. Use letters, digits, '-', '_' and, between these, spaces."
            )
        if len(self.name.encode()) > LONGEST_NAME:
            raise ValueError(
                f"The name {self.name[:20]!r}… is too long for a folder: it has {len(self.name)} characters. "
                f"Use at most {LONGEST_NAME // 2}."
            )
        for attribute in ("inputs", "variable"):
            value = getattr(self, attribute)
            if value is not None:
                object.__setattr__(self, attribute, (value,) if isinstance(value, str) else tuple(value))
        if self.output is None:
            kinds = self._default_kinds
            if len(kinds) > 1:
                names = ", ".join(sorted(kind.name for kind in kinds))
                raise ValueError(
                    f"The functions of step {self.name!r} return different things ({names}); set output=…"
                )
            object.__setattr__(self, "output", next(iter(kinds)).name)
        if self.output not in KINDS:
            raise ValueError(f"Step {self.name!r} has output={self.output!r}; use one of {', '.join(KINDS)}.")
        object.__setattr__(self, "output_kind", KINDS[self.output])

    @property
    def kind(self) -> str:
        """Name of the output's kind: ``"image"``, ``"labels"``, ``"points"`` or ``"table"``."""
        return self.output_kind.name

    @property
    def explicit_output(self) -> str | None:
        """The ``output`` argument that the step needs; None if its functions declare it."""
        return None if self._default_kinds == {self.output_kind} else self.kind

    @property
    def _default_kinds(self) -> set[OutputKind]:
        return {returned_kind(function) or IMAGE for function, _ in self.routes.values()}

    @property
    def restorable(self) -> bool:
        """Whether later steps can read the saved output instead of computing it again."""
        return bool(self.keep) and self.output_kind.has_planes

    @property
    def routed_by(self) -> str | None:
        """Component whose value selects the function; None if there is a single function."""
        return self.group_by if isinstance(self.function, Mapping) else None

    @property
    def routes(self) -> dict[str, tuple[StepFunction, Mapping[str, Any]]]:
        """Function and keyword arguments for each value of `group_by`; ``"*"`` is for all other values."""
        routes = self.function if isinstance(self.function, Mapping) else {ANY: self.function}
        return {
            key: (route[0], {**self.params, **route[1]}) if isinstance(route, tuple) else (route, self.params)
            for key, route in routes.items()
        }

    def route(self, value: str | None) -> tuple[StepFunction, Mapping[str, Any]]:
        """Return the function and keyword arguments for a value of the `group_by` component.

        Raises
        ------
        KeyError
            There is no function for the value, and none for ``"*"``.
        """
        routes = self.routes
        key = value if value is not None and value in routes else ANY
        if key not in routes and value is None:
            raise KeyError(
                f"Step {self.name!r} selects its function by {self.group_by or 'a component'}, but an earlier step "
                "removed this component. Move the step before that one, or add a function for '*'."
            )
        if key not in routes:
            raise KeyError(
                f"Step {self.name!r} has no function for {self.group_by or 'group'} {value!r}, only for "
                f"{quote_names(routes)}. Add one, or '*' for all other values."
            )
        return routes[key]


def _names_folder(name: str) -> bool:
    """Return whether a name can be that of a folder on every operating system, and is not reserved."""
    return (
        name not in RESERVED
        and name.casefold() != ZARR
        and name.isprintable()
        and not name.endswith((".", " "))
        and not _DEVICES.fullmatch(name)
        and re.fullmatch(r"\w[^/\\:*?\"<>|]*", name) is not None
    )


def folder_key(name: str) -> str:
    """Return a text that is the same for names that some operating system takes for the same folder."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def function_name(function: StepFunction) -> str:
    """Return the name of a function, of the function in a partial, or of a callable's class."""
    function = getattr(function, "func", function)  # of a partial
    name = getattr(function, "__name__", None) or type(function).__name__
    return str(name).strip("<>")


def _plain_route(route: Route) -> Route:
    return (plain_function(route[0]), route[1]) if isinstance(route, tuple) else plain_function(route)
