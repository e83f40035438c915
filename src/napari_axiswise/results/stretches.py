"""Stretches of files, joined where one follows another."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Protocol, Self, TypeVar


class Stretch(Protocol):
    """A range of bytes of a file."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def start(self) -> int:
        """Where the range begins."""

    @property
    def stop(self) -> int:
        """Where it ends."""

    @property
    def content(self) -> Hashable:
        """Stretches of equal content can be joined."""

    def joined(self, following: Self) -> Self:
        """Return the stretch together with the one that follows it."""


StretchT = TypeVar("StretchT", bound=Stretch)


def join_stretches(stretches: Iterable[StretchT]) -> tuple[StretchT, ...]:
    """Join stretches of the same content to earlier ones that end where they begin."""
    stretches = list(stretches)
    files: dict[Hashable, list[int]] = {}
    for place, stretch in enumerate(stretches):
        files.setdefault((stretch.content, stretch.path), []).append(place)
    joined: dict[int, StretchT] = {}
    for places in files.values():
        first = None
        for place in sorted(places, key=lambda place: stretches[place].start):
            stretch = stretches[place]
            if first is not None and first < place and joined[first].stop == stretch.start:
                joined[first] = joined[first].joined(stretch)
            else:
                first = place
                joined[place] = stretch
    return tuple(joined[place] for place in sorted(joined))
