"""Slots of a set of names: the constant and the varying parts that they have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from .tokens import DIGITS, LETTERS, MIXED, SEPARATOR, Token, split_fields, tokenize

Field = tuple[Token, ...]


@dataclass(frozen=True)
class Slot:
    """Part of every name of a set.

    Parameters
    ----------
    kind : str
        Kind of its tokens, or `MIXED` for texts of several.
    texts : tuple of str
        Text in each name.
    """

    kind: str
    texts: tuple[str, ...]

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Text in each name, without differences that do not count: letter case and leading zeros."""
        if self.kind == DIGITS:
            return tuple(text.lstrip("0") or "0" for text in self.texts)
        return tuple(text.casefold() for text in self.texts)

    @cached_property
    def is_constant(self) -> bool:
        """Whether the text is the same in all names, except for its letter case."""
        return len({text.casefold() for text in self.texts}) == 1


def common_slots(paths: Iterable[str], within: str = "") -> tuple[tuple[Slot, ...], tuple[str, ...]]:
    """Return the slots of the paths that have the most common sequence of separators, and these paths.

    The characters `within` separate nothing; see `split_fields`.
    """
    shapes: defaultdict[tuple[str, ...], list[tuple[str, tuple[Field, ...]]]] = defaultdict(list)
    for path in paths:
        fields = split_fields(tokenize(path), within)
        shapes[tuple(field[0].text for field in fields[1::2])].append((path, fields))
    if not shapes:
        return (), ()
    named = max(shapes.values(), key=len)
    columns = zip(*(fields for _, fields in named), strict=True)
    slots = tuple(slot for column in columns for slot in _split(column))
    return _without_shared_folders(slots), tuple(path for path, _ in named)


def _split(column: Sequence[Field]) -> list[Slot]:
    """Split one field of all names into slots: one per token where all names have the same kinds of tokens."""
    kinds = {tuple(token.kind for token in field) for field in column}
    if len(kinds) == 1:
        (shared,) = kinds
        return [Slot(kind, tuple(field[place].text for field in column)) for place, kind in enumerate(shared)]
    # Names share constant words and the numbers after them, as w1 of w1Cy5 and w2DAPI; the rest is one text.
    slots: list[Slot] = []
    for place in range(min(map(len, column))):
        tokens = [field[place] for field in column]
        slot = Slot(tokens[0].kind, tuple(token.text for token in tokens))
        follows_word = bool(slots) and slots[-1].kind == LETTERS
        if len({token.kind for token in tokens}) > 1 or not (
            (slot.kind == LETTERS and slot.is_constant) or (slot.kind == DIGITS and follows_word)
        ):
            break
        slots.append(slot)
    rest = tuple("".join(token.text for token in field[len(slots) :]) for field in column)
    return [*slots, Slot(MIXED, rest)]


def _without_shared_folders(slots: tuple[Slot, ...]) -> tuple[Slot, ...]:
    """Drop the folders that all paths have in common."""
    start = 0
    for place, slot in enumerate(slots):
        if not slot.is_constant:
            break
        if slot.kind == SEPARATOR and slot.texts[0] == "/":
            start = place + 1
    return slots[start:]
