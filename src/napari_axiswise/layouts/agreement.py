"""What the metadata of all images of a dataset agree on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ..core.calibration import Calibration
from ..core.components import natural_key
from ..core.text import join_names
from ..planes.axes import Axes
from .problem import Problem


class Described(Protocol):
    """Image with metadata."""

    @property
    def calibration(self) -> Calibration:
        """Its calibration."""

    @property
    def axes(self) -> Axes:
        """Its axes other than Y and X: ``t``, ``c``, ``z`` in either case."""


def agreed_calibration(images: Mapping[str, Described]) -> tuple[Calibration, list[Problem]]:
    """Return what all images agree on, and a problem for what they do not: it is not known of the dataset.

    Parameters
    ----------
    images : mapping
        Images by path; at least one.
    """
    problems: list[Problem] = []
    first = next(iter(images.values())).calibration
    has_size = _agree(
        "a pixel size of",
        {path: _rounded(i.calibration.pixel_size, i.calibration.unit) for path, i in images.items()},
        problems,
    )
    steps: dict[str, float | None] = {}
    for axis, name in (("z", "z_step"), ("t", "time_step")):
        having = {
            path: getattr(i.calibration, name) for path, i in images.items() if _length(i, axis) > 1
        } or {path: getattr(i.calibration, name) for path, i in images.items()}
        texts = {path: _rounded(step) for path, step in having.items()}
        is_known = _agree(f"a {name.replace('_', ' ')} of", texts, problems)
        steps[name] = next(iter(having.values())) if is_known else None
    names, unnamed = _agreed_names(images)
    calibration = Calibration(
        pixel_size=first.pixel_size if has_size else None,
        unit=first.unit if has_size else "pixel",
        z_step=steps["z_step"] if has_size else None,
        time_step=steps["time_step"],
        channel_names=names,
    )
    return calibration, [*problems, *unnamed]


def _agree(what: str, values: Mapping[str, str], problems: list[Problem]) -> bool:
    """Return whether the values of all images are the same and known. Add a problem if they differ."""
    (first_path, first), *_ = values.items()
    others = [path for path, value in values.items() if value != first]
    if others:
        problems.append(
            Problem(
                others[0],
                f"it has {what} {values[others[0]] or 'unknown length'}, but {first_path} {first or 'an unknown one'}. "
                f"{len(others):,} of {len(values):,} images differ from the latter, so it is not used",
            )
        )
    return bool(first) and not others


def _rounded(size: float | Sequence[float] | None, unit: str = "") -> str:
    """Return a size as a text, so that noise of numbers in single precision is no difference; empty if unknown."""
    if size is None:
        return ""
    return f"{' × '.join(f'{float(length):.5g}' for length in np.atleast_1d(size))} {unit}".strip()


def _agreed_names(images: Mapping[str, Described]) -> tuple[dict[str, str], list[Problem]]:
    """Return the names of channels that are the same in all images that have the channel."""
    used: dict[str, dict[str, str]] = {}
    for path, image in images.items():
        known = image.calibration.channel_names
        for number in range(1, _length(image, "c") + 1):
            used.setdefault(str(number), {}).setdefault(known.get(str(number), ""), path)
    names: dict[str, str] = {}
    problems = []
    for channel, paths in sorted(used.items(), key=lambda item: natural_key(item[0])):
        if len(paths) == 1:
            names[channel] = next(iter(paths))
            continue
        spellings = [f"{name or 'without a name'} in {path}" for name, path in paths.items()]
        problems.append(
            Problem(
                list(paths.values())[1],
                f"channel {channel} is {join_names(spellings)}. It has no name in this dataset",
            )
        )
    return {channel: name for channel, name in names.items() if name}, problems


def _length(image: Described, axis: str) -> int:
    return {name.lower(): length for name, length in image.axes}.get(axis, 1)
