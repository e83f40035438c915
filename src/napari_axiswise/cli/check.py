"""``napari-axiswise check``: the planes of a dataset, and what is missing."""

from __future__ import annotations

import argparse

from ..datasets.opening import open_dataset, read_axes
from .terminal import ALL_DONE, NOT_ALL_DONE, write_result


def check(arguments: argparse.Namespace) -> int:
    """Print the report of a dataset; return 0 only if nothing is missing and nothing differs.

    Raises
    ------
    ValueError, OSError
        The dataset cannot be opened.
    """
    axes = None if arguments.axes is None else read_axes(arguments.axes)
    report = open_dataset(arguments.source, arguments.pattern, axes).report()
    write_result(str(report))
    return ALL_DONE if report.is_complete else NOT_ALL_DONE
