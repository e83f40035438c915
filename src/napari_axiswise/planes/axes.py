"""Axes of planes in files, and the common axes of files that differ."""

from __future__ import annotations

from collections.abc import Iterable

Axes = tuple[tuple[str, int], ...]
"""Letters and lengths of a file's axes without Y and X, slowest first."""


def common_axes(files: Iterable[Axes]) -> Axes:
    """Return the axes of all files together, with the largest lengths, in the order of the file with the most axes."""
    lengths: dict[str, int] = {}
    for axes in sorted(files, key=lambda axes: -len(axes)):
        for name, length in axes:
            lengths[name] = max(length, lengths.get(name, 1))
    return tuple(lengths.items())


def axes_text(axes: Axes) -> str:
    """Return axes as text: ``"T 5 × Z 3"``."""
    return " × ".join(f"{axis} {length}" for axis, length in axes) or "one plane"
