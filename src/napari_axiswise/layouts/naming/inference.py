"""Patterns for the file names of a folder, inferred from the names alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from .patterns import write_pattern
from .readings import find_readings, rank
from .slots import common_slots

SAMPLE = 2000
"""Names that are looked at."""

_LEAST_SHARE = 0.75
"""Share of the names that must have one form. Names of other forms would be skipped."""


@dataclass(frozen=True)
class Inference:
    """Patterns that read the names of a folder.

    Parameters
    ----------
    patterns : tuple of str
        Patterns, the best first.
    doubts : int
        Number of components of the first pattern that are a guess.
    is_tied : bool
        Whether the second pattern is as good as the first.
    """

    patterns: tuple[str, ...] = ()
    doubts: int = 0
    is_tied: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether the first pattern can be used without asking."""
        return bool(self.patterns) and not self.doubts and not self.is_tied

    @property
    def advice(self) -> str:
        """Sentence with the two best patterns, or nothing if the names say too little: ``IMG_0001.tif``."""
        best = [pattern for pattern in self.patterns if pattern.count("{") - pattern.count("{_}") > 1]
        if not best and (self.doubts or not self.patterns):
            return ""
        choice = " or ".join(map(repr, (best or self.patterns)[:2]))
        return f"If one of these patterns fits the file names, open the folder with it: {choice}"


def infer_patterns(images: Sequence[str], more: Sequence[str] = ()) -> Inference:
    """Infer patterns from names. The result depends on the names only.

    Parameters
    ----------
    images : sequence of str
        Relative paths with ``/``. Of many, a sample is looked at.
    more : sequence of str
        Paths to look at besides the sample.
    """
    sample = images if len(images) <= SAMPLE else random.Random(0).sample(images, SAMPLE)
    names = sorted({*sample, *more[:SAMPLE]})
    least = max(2, _LEAST_SHARE * len(names))
    slots, paths = common_slots(names)
    if len(paths) < least:
        slots, paths = common_slots(names, within=" -")
    if len(paths) < least:
        return Inference()
    ranks: dict[str, tuple[int, bool]] = {}
    for reading in find_readings(slots):
        pattern = write_pattern(reading, paths)
        if pattern is not None:
            ranks.setdefault(pattern, rank(reading))
    if not ranks:
        return Inference()
    first, *others = ranks.values()
    return Inference(tuple(ranks), first[0], others[:1] == [first])
