"""Output of all benchmarks: the machine, and tables in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import psutil

from napari_axiswise.executors.lanes import available_cores

LIBRARIES = ("napari", "numpy", "scipy", "scikit-image", "pandas", "zarr", "dask", "distributed", "joblib")


def print_machine() -> None:
    memory = psutil.virtual_memory().total / 1e9
    print(
        f"{available_cores()} processors ({_processor()}), {memory:.0f} GB of memory, {platform.platform()}"
    )
    print(f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in LIBRARIES)}")


def print_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    print()
    for line in lines:
        print(f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |")
    print(flush=True)


def spread(values: Sequence[float], form: str = ".2f") -> str:
    """Return the median, lowest and highest value as text."""
    return f"{np.median(values):{form}} ({min(values):{form}} – {max(values):{form}})"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
