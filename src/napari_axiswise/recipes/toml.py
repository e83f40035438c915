"""TOML tables, read by key and type, and written with one line per key."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import tomli_w

from ..core.files import hide_secrets, read_regular

T = TypeVar("T")
KindT = TypeVar("KindT", covariant=True)


@dataclass(frozen=True)
class Form(Generic[KindT]):
    """A type of value, and its name in messages."""

    kind: type[KindT]
    name: str


TEXT = Form(str, 'a text in "quotes"')
WHOLE = Form(int, "a whole number")
NUMBER = Form(float, "a number")
FLAG = Form(bool, "true or false")
LIST: Form[list[Any]] = Form(list, "a list")
TABLE: Form[dict[str, Any]] = Form(dict, "a table")


class Table:
    """A table whose values are read by key and type.

    Parameters
    ----------
    values : mapping
        Its content.
    where : str
        Its name in messages.
    keys : sequence of str
        The keys that it may have.

    Raises
    ------
    ValueError
        It has another key.
    """

    def __init__(self, values: Mapping[str, object], where: str, keys: Sequence[str]) -> None:
        self._values = values
        self._where = where
        if unknown := [key for key in values if key not in keys]:
            raise ValueError(
                f"{where} has the unknown key {', '.join(map(repr, unknown))}; known are {', '.join(keys)}."
            )

    def get(self, key: str, form: Form[T]) -> T | None:
        """Return a value, or None if there is none; ValueError if it has another type."""
        value = self._values.get(key)
        if form.kind is float and type(value) is int:
            value = float(value)
        if value is not None and type(value) is not form.kind:
            raise ValueError(f"{self._where}: {key} = {value!r} must be {form.name}.")
        return value

    def is_table(self, key: str) -> bool:
        """Return whether there is a table of that name."""
        return isinstance(self._values.get(key), dict)

    def is_list(self, key: str) -> bool:
        """Return whether there is a list of that name."""
        return isinstance(self._values.get(key), list)

    def need(self, key: str, form: Form[T]) -> T:
        """Return a value; ValueError if there is none, or it has another type."""
        value = self.get(key, form)
        if value is None:
            raise ValueError(f"{self._where} needs {key}: {form.name}.")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """Return a list of texts; a single text is a list of one."""
        value = self._values.get(key)
        texts = [value] if isinstance(value, str) else self.get(key, LIST)
        if texts is not None and not all(isinstance(text, str) for text in texts):
            raise ValueError(f'{self._where}: {key} = {value!r} must be a list of texts, as in ["1", "2"].')
        return None if texts is None else tuple(texts)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a recipe's file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        It is not TOML.
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no recipe at {path}. Give the path of a .toml file.")
    try:
        return tomllib.loads(read_regular(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not TOML: {error}.") from error


def toml_value(value: object) -> object:
    """Return a value in a form that TOML has: tuples become lists, and NumPy's numbers Python's.

    Raises
    ------
    ValueError
        TOML has no such form. The message is only a name for the value.
    """
    if isinstance(value, (np.number, np.bool_, np.str_)):
        value = value.item()
    if isinstance(value, str) and hide_secrets(value) != value:
        raise ValueError("an address with a password or token")
    if type(value) in (str, bool, int, float, datetime, date, time):
        return value
    if isinstance(value, (list, tuple)):
        return [toml_value(item) for item in value]
    if isinstance(value, Mapping) and all(type(key) is str for key in value):
        return {key: toml_value(item) for key, item in value.items()}
    raise ValueError("None" if value is None else f"a {type(value).__name__}")


def toml_lines(entries: Mapping[str, object]) -> list[str]:
    """Return a line ``key = value`` for each entry that is not None."""
    return [_line(key, value) for key, value in entries.items() if value is not None]


def _line(key: str, value: object) -> str:
    """Return ``key = value`` on one line; tomli_w would spread lists and tables over several."""
    return tomli_w.dumps({key: 0}).removesuffix("0\n") + _inline(value)


def _inline(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_inline, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(_line(key, item) for key, item in value.items())} }}"
    return tomli_w.dumps({"_": value}).removeprefix("_ = ").removesuffix("\n")
