"""Readings of names: which slot is which component."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations

from ...core.components import is_projection
from ...core.wells import parse_well, well_name
from . import words
from .slots import Slot
from .tokens import DIGITS, GUID, LETTERS, MIXED, SEPARATOR, TIME

_NUMBERED = ("site", "timepoint", "z_index", "channel")
"""Components that a number without a word can be, the likeliest first."""

_ANNOUNCED = re.compile("[fstz][0-9]+", re.IGNORECASE)
"""Number that a letter announces as something other than a channel."""

_LONGEST_SITE = 5
"""Maximum number of digits of a site that nothing announces."""

_MOST_READINGS = 12


@dataclass(frozen=True)
class Reading:
    """One way to read names.

    Parameters
    ----------
    slots : tuple of Slot
        Parts of the names.
    roles : tuple of str
        Component of each slot, ``"row"`` or ``"column"``; empty for slots without a meaning.
    doubts : int
        Number of slots whose component is a guess.
    """

    slots: tuple[Slot, ...]
    roles: tuple[str, ...]
    doubts: int

    @cached_property
    def keys(self) -> tuple[tuple[str, ...], ...]:
        """Values of the components in each name."""
        return _rows(
            [slot.values for slot, role in zip(self.slots, self.roles, strict=True) if role], self.slots
        )

    @property
    def tells_all_apart(self) -> bool:
        """Whether no two names are the same plane."""
        return len(set(self.keys)) == len(self.keys)

    @property
    def is_full(self) -> bool:
        """Whether there is a name for every combination of values."""
        sizes: dict[str, set[tuple[str, str]]] = {}
        place = {role: number for number, role in enumerate(role for role in self.roles if role)}
        for role in place:
            if role != "column":
                column = place.get("column", 0) if role == "row" else place[role]
                sizes[role] = {(key[place[role]], key[column]) for key in self.keys}
        return math.prod(map(len, sizes.values())) == len(self.keys)


def find_readings(slots: tuple[Slot, ...]) -> list[Reading]:
    """Return the readings of names that tell all of them apart, the best first.

    Values that a word or a letter announces (``s1``, ``T0001``, ``ChannelDAPI``) are always read. Other slots are read
    only if names differ in nothing else. The best reading has the fewest guesses, then a full grid.
    """
    readings: list[Reading] = []
    for well in _well_slots(slots):
        readings += _Reader(slots, well).readings()
    distinct = {
        reading.roles: reading for reading in readings if any(reading.roles) and reading.tells_all_apart
    }
    return sorted(distinct.values(), key=rank)[:_MOST_READINGS]


def rank(reading: Reading) -> tuple[int, bool]:
    """Return the sort key of a reading, lowest first."""
    return reading.doubts, not reading.is_full


def _rows(columns: Sequence[tuple[str, ...]], slots: Sequence[Slot]) -> tuple[tuple[str, ...], ...]:
    return tuple(zip(*columns, strict=True)) if columns else ((),) * len(slots[0].texts)


def _well_slots(slots: tuple[Slot, ...]) -> list[tuple[int, int] | None]:
    """Return the pairs of slots that can be row and column of a well; None where a well need not be there."""
    pairs = [
        (row, column)
        for row, slot in enumerate(slots)
        for column in (row + 1, row + 2)
        if slot.kind == LETTERS and column < len(slots) and _is_well(slots, row, column)
    ]
    by_letter = [pair for pair in pairs if not slots[pair[0]].is_constant]
    if by_letter:
        # Of equal ones, the last: Well_A01_Point_A01_0000.
        named = {(slots[row].values, slots[column].values): (row, column) for row, column in by_letter}
        return [*named.values()]
    varying = [pair for pair in pairs if not slots[pair[1]].is_constant] or pairs[:1]
    # A constant letter may announce a value instead: C01 is channel 1 beside T0001.
    letters = [slot.texts[0] for slot in slots if slot.kind == LETTERS and slot.is_constant]
    capitals = sum(letter.isupper() and letter.lower() in words.LETTERS for letter in letters)
    certain = [pair for pair in varying if slots[pair[0]].texts[0].lower() not in words.LETTERS]
    if certain:
        return [*certain]
    return [None] if capitals > 1 else [*varying, None]


def _has_slices(slot: Slot) -> bool:
    """Return whether the texts of a slot are numbers of z-slices and projections: z01, z02, MIP."""
    numbers = [re.fullmatch("z?[0-9]+", text, re.IGNORECASE) for text in slot.texts]
    return (
        slot.kind == MIXED
        and any(numbers)
        and all(
            number or is_projection("z_index", text) for number, text in zip(numbers, slot.texts, strict=True)
        )
    )


def _is_well(slots: tuple[Slot, ...], row: int, column: int) -> bool:
    """Return whether two slots are a row of letters and a column, as in A01, or A_1 between separators."""
    before, after = slots[row - 1].kind if row else SEPARATOR, slots[column].kind
    if after != DIGITS or (before == DIGITS and column == row + 1):
        return False
    if column == row + 2:
        ends = column + 1 == len(slots) or slots[column + 1].kind == SEPARATOR
        if slots[row + 1].kind != SEPARATOR or before != SEPARATOR or not ends:
            return False
    letters = {text.upper() for text in slots[row].texts}
    if slots[row].is_constant and not (slots[row].texts[0].isupper() and before in (SEPARATOR, LETTERS)):
        return False
    if any(len(letter) > 2 for letter in letters) or any(len(text) > 3 for text in slots[column].texts):
        return False
    beyond_p = any(letter > "P" for letter in letters if len(letter) == 1)
    if beyond_p and len(letters) < 8 and max(map(len, letters)) == 1:
        return False  # plates with more than 16 rows have 32
    named = zip(slots[row].texts, slots[column].texts, strict=True)
    return all(
        re.fullmatch("[A-Za-z]+", letter) and parse_well(well_name(letter, number)) is not None
        for letter, number in named
    )


class _Reader:
    """Readings of slots of which two are known to be the well.

    Parameters
    ----------
    slots : tuple of Slot
        Parts of the names.
    well : pair of int, optional
        Places of row and column.
    """

    def __init__(self, slots: tuple[Slot, ...], well: tuple[int, int] | None) -> None:
        self.slots = slots
        self.roles: dict[int, str] = {}
        self.explicit: list[str] = []
        if well is not None:
            self.roles = {well[0]: "row", well[1]: "column"}
        self._announced()
        wells = [place for place, role in self.roles.items() if role in ("well", "row", "column")]
        self.well_start, self.well_end = min(wells, default=0), max(wells, default=-1)
        self.has_well = bool(wells)

    def readings(self) -> list[Reading]:
        """Return the readings, one for each way to name the numbers that nothing announces."""
        doubts = 0 if self.has_well or self._is_announced else 1
        numbers: list[int] = []
        for place in self._others():
            if not self._adds(place):
                continue
            if self.slots[place].kind == DIGITS and place > self.well_end and not self._key(place):
                numbers.append(place)
                self.roles[place] = f"number {place}"
            else:
                self.roles[place], doubt = self._named(place)
                doubts += doubt
        free = [name for name in _NUMBERED if name not in self.roles.values()]
        if len(numbers) > len(free):
            return []
        is_site = len(numbers) == 1 and self.has_well and numbers[0] - self.well_end <= 2 and "site" in free
        # Longer numbers are times, or the identifiers of something else.
        is_site = is_site and max(map(len, self.slots[numbers[0]].texts)) <= _LONGEST_SITE
        ways = [("site",)] if is_site else list(permutations(free, len(numbers)))[:_MOST_READINGS]
        doubts += 0 if is_site else len(numbers)
        return [self._reading(dict(zip(numbers, names, strict=True)), doubts) for names in ways]

    @property
    def _is_announced(self) -> bool:
        return len(self.explicit) > 1 or any(key in words.CLEAR for key in self.explicit)

    def _reading(self, numbers: dict[int, str], doubts: int) -> Reading:
        roles = self.roles | numbers
        return Reading(self.slots, tuple(roles.get(place, "") for place in range(len(self.slots))), doubts)

    def _key(self, place: int) -> str:
        """Return the constant word right before a slot, in lower case, or the known word in the field before it."""
        if place and self.slots[place - 1].kind == LETTERS:
            return self.slots[place - 1].texts[0].lower() if self.slots[place - 1].is_constant else ""
        ends = place + 1 == len(self.slots) or self.slots[place + 1].kind == SEPARATOR
        if (
            place > 1
            and ends
            and self.slots[place - 1].kind == SEPARATOR
            and self.slots[place - 1].texts[0] != "/"
        ):
            word = self.slots[place - 2]
            alone = place == 2 or self.slots[place - 3].kind == SEPARATOR
            if word.kind == LETTERS and word.is_constant and alone and word.texts[0].lower() in words.WORDS:
                return word.texts[0].lower()
        return ""

    def _announced(self) -> None:
        """Read the slots that a word or a letter announces."""
        for place, slot in enumerate(self.slots):
            if place in self.roles or slot.kind in (SEPARATOR, TIME, GUID):
                continue
            key = self._key(place)
            role = words.WORDS.get(key) or (words.LETTERS.get(key, "") if slot.kind != LETTERS else "")
            has_slices = role in ("", "z_index") and _has_slices(slot)
            if has_slices:
                key, role = "z", "z_index"
            if key == "w" and slot.kind == DIGITS and min(map(len, slot.texts)) > 2:
                role = "well"
            if key == "c" and "row" in (self.roles.get(place - 2), self.roles.get(place - 3)):
                role = "column"
            taken = role in self.roles.values() or (role == "well" and "row" in self.roles.values())
            if not role or taken or (slot.kind != DIGITS and role != "channel" and not has_slices):
                continue
            if role == "plate" and slot.is_constant:
                continue
            self.roles[place] = role
            self.explicit.append(key)
        if ("row" in self.roles.values()) != ("column" in self.roles.values()):
            self.roles = {place: role for place, role in self.roles.items() if role not in ("row", "column")}

    def _others(self) -> list[int]:
        """Return the other varying slots: channels, announced numbers, times, words, numbers, then counters."""

        def order(place: int) -> tuple[int, int]:
            slot = self.slots[place]
            if len(set(slot.values)) == len(slot.values):
                return 5, place  # a counter
            if slot.kind in (LETTERS, MIXED):
                return (0 if all(map(words.is_dye, slot.texts)) else 3), place
            if slot.kind == TIME:
                return 2, place
            return (1 if self._key(place) else 4), place

        last_dot = next((n for n, slot in reversed([*enumerate(self.slots)]) if slot.kind == SEPARATOR), 0)
        return sorted(
            (
                place
                for place, slot in enumerate(self.slots[:last_dot])
                if place not in self.roles and not slot.is_constant and slot.kind not in (SEPARATOR, GUID)
            ),
            key=order,
        )

    def _adds(self, place: int) -> bool:
        """Return whether a slot tells names apart that the slots read so far do not."""
        columns = [self.slots[known].values for known in self.roles]
        known = _rows(columns, self.slots)
        return len(set(zip(known, self.slots[place].values, strict=True))) > len(set(known))

    def _named(self, place: int) -> tuple[str, int]:
        """Return the component of a slot that nothing announces, and 1 if that is a guess."""
        slot, taken = self.slots[place], set(self.roles.values())
        key = self._key(place)
        before_well = self.has_well and place < self.well_start
        if slot.kind == TIME:
            return self._free("timepoint", "plate" if before_well else "date"), 0
        if key == "p" and not before_well:
            return self._free("site", "z_index", "p"), 0  # position or plane
        if slot.kind == DIGITS and key.isidentifier() and not before_well:
            return self._free(key, f"{key}_number"), 0
        if slot.kind != DIGITS and all(map(words.is_dye, slot.texts)):
            return self._free("channel", "condition"), int("channel" in taken)
        if before_well:
            return self._free("plate", "condition"), int("plate" in taken)
        many = len(set(slot.values)) * 2 > len(slot.values) > 4
        # Channels have no numbers like s1, t1 and z1. Single letters before a number may be rows of wells.
        is_row = self.slots[place + 1].kind == DIGITS and max(map(len, slot.texts)) == 1
        odd = is_row or any(_ANNOUNCED.fullmatch(text) for text in slot.texts)
        is_guess = "channel" in taken or not self.has_well or many or odd
        return self._free("channel", "condition"), int(is_guess)

    def _free(self, *names: str) -> str:
        """Return the first name that no slot has."""
        numbered = (f"{names[-1]}{number}" for number in range(2, len(self.slots) + 3))
        return next(name for name in (*names, *numbered) if name not in self.roles.values())
