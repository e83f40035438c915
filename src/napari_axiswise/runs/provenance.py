"""What a run is of: dataset, pipeline and functions, in words that two runs can be compared by."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..datasets.dataset import Dataset
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from ..planes.table import Planes
from .fingerprints import fingerprint, provenance

FORMAT = 2
"""The version of what `describe_run` gives."""

LIBRARIES = (
    "napari-axiswise",
    "numpy",
    "scipy",
    "scikit-image",
    "pandas",
    "imagecodecs",
    "tifffile",
    "zarr",
    "yaozarrs",
)
"""What results may depend on besides the functions: noted, but never a difference."""

_MOST_NAMED = 3


def describe_run(dataset: Dataset, pipeline: Pipeline, axis: str) -> dict[str, Any]:
    """Return what a run is of, as JSON knows it.

    Parameters
    ----------
    dataset : Dataset
        With its planes on disk. Its files are looked at (sizes and times), not read, but for an array that
        was in memory.
    pipeline : Pipeline
        Configured.
    axis : str
        The multiprocessing axis: noted, but never a difference.
    """
    return {
        "format": FORMAT,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "begun": datetime.now().timestamp(),
        "axis": axis,
        "dataset": _describe_dataset(dataset),
        "pipeline": describe_pipeline(pipeline),
    }


def describe_pipeline(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Return what a configured pipeline does, as JSON knows it: two that do the same have the same."""
    return [_describe_step(step) for step in pipeline]


def digest_planes(index: Planes) -> str:
    """Return a text that is the same for the same planes in the same files."""
    planes = sha256()
    for start in range(0, len(index.files), _PIECE):
        # In pieces: the window stands still while Python makes one text of a million names.
        planes.update(json.dumps(list(index.files[start : start + _PIECE])).encode())
    for array in (index.codes, index.file_codes, index.pages):
        planes.update(array.tobytes())
    return planes.hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def differences(before: Mapping[str, Any], now: Mapping[str, Any], dataset: Dataset) -> list[str]:
    """Return what has changed between two runs that would make their results differ, a sentence each.

    Parameters
    ----------
    before, now : mapping
        From `describe_run`.
    dataset : Dataset
        The one that `now` is of.
    """
    if before["format"] != now["format"]:
        return [
            f"it was written by another version, whose format is {before['format']} instead of {now['format']}"
        ]
    return [
        *_dataset_differences(before["dataset"], now["dataset"], dataset, before["begun"]),
        *_pipeline_differences(before["pipeline"], now["pipeline"], (before["python"], now["python"])),
    ]


_PIECE = 10_000
"""Names of files that are hashed at once."""


def _describe_dataset(dataset: Dataset) -> dict[str, Any]:
    index = dataset.index
    files = sha256()
    size = 0
    for name, path in zip(index.files, _paths(dataset), strict=True):
        if dataset.scratch is not None:
            # A copy of what was in memory is always new: what it holds tells.
            files.update(_content(path))
            continue
        try:
            found = os.stat(path)  # noqa: PTH116 (a Path for each of 100,000 files takes its time and memory)
        except OSError:
            files.update(os.fsencode(f"{name} is gone"))
            continue
        size += found.st_size
        files.update(os.fsencode(f"{name} {found.st_size} {found.st_mtime_ns}"))
    return {
        "source": dataset.source,
        "layout": dataset.layout,
        "components": {name: list(values) for name, values in dataset.components.items()},
        "shape": list(dataset.shape),
        "dtype": str(dataset.dtype),
        "calibration": dataset.calibration.to_json(),
        "plane_count": len(dataset),
        "planes": digest_planes(index),
        "bytes": size,
        "files": files.hexdigest(),
    }


def _paths(dataset: Dataset) -> Iterator[str]:
    return (f"{dataset.index.root}{os.sep}{name}" for name in dataset.index.files)


def _content(path: str) -> bytes:
    digest = sha256()
    with Path(path).open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.digest()


def _dataset_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], dataset: Dataset, since: float
) -> list[str]:
    told = []
    for name in dict.fromkeys((*before["components"], *now["components"])):
        was, is_now = before["components"].get(name, ()), now["components"].get(name, ())
        gone = [value for value in was if value not in is_now]
        new = [value for value in is_now if value not in was]
        told += [f"the dataset has no {name} {_listed(gone)} any more"] if gone else []
        told += [f"the dataset has a new {name} {_listed(new)}"] if new else []
    if not told and before["planes"] != now["planes"]:
        count = f"{before['plane_count']} before, {now['plane_count']} now"
        told.append(f"the dataset has other planes ({count}), or they are in other files")
    if not told and before["files"] != now["files"]:
        newer = [
            name
            for name, path in zip(dataset.index.files, _paths(dataset), strict=True)
            if Path(path).exists() and Path(path).stat().st_mtime > since
        ]
        which = _listed(newer) if newer else "some, by their sizes or times"
        told.append(f"files of the dataset were written since: {which}")
    return told


def _describe_step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "inputs": list(step.inputs or ()),
        "output": step.kind,
        "variable": list(step.variable or ()),
        "group_by": step.routed_by,
        "keep": bool(step.keep),
        "functions": {
            key: {
                "name": provenance(function),
                "hash": fingerprint(function),
                "params": {name: _describe_value(value) for name, value in sorted(params.items())},
            }
            for key, (function, params) in step.routes.items()
        },
    }


def _describe_value(value: object) -> str:
    if isinstance(value, (int, float, str, bool, type(None))):
        return repr(value)
    return f"{type(value).__name__} {fingerprint(value)}"


def _pipeline_differences(
    before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]], python: tuple[str, str]
) -> list[str]:
    was_named, is_named = [step["name"] for step in before], [step["name"] for step in now]
    if was_named != is_named:
        return [f"the pipeline's steps were {_listed(was_named)} and are {_listed(is_named)}"]
    told = []
    for was, is_now in zip(before, now, strict=True):
        step = f"step {is_now['name']!r}"
        told += [
            f"{step} had {what}={was[what]!r} and has {what}={is_now[what]!r}"
            for what in ("inputs", "output", "variable", "group_by", "keep")
            if was[what] != is_now[what]
        ]
        if list(was["functions"]) != list(is_now["functions"]):
            told.append(
                f"{step} had functions for {_listed(was['functions'])}, not {_listed(is_now['functions'])}"
            )
            continue
        for key, function in is_now["functions"].items():
            told += [
                f"{step} {change}"
                for change in _function_differences(was["functions"][key], function, python)
            ]
    return told


def _function_differences(
    was: Mapping[str, Any], is_now: Mapping[str, Any], python: tuple[str, str]
) -> list[str]:
    if was["name"] != is_now["name"]:
        return [f"called {was['name']} and calls {is_now['name']}"]
    told = [
        f"had {name}={was['params'].get(name, 'left out')} and has {name}={is_now['params'].get(name, 'left out')}"
        for name in dict.fromkeys((*was["params"], *is_now["params"]))
        if was["params"].get(name) != is_now["params"].get(name)
    ]
    if was["hash"] != is_now["hash"]:
        if python[0] == python[1]:
            told.append(f"calls {is_now['name']}, whose code has changed")
        else:
            told.append(
                f"calls {is_now['name']}, whose code cannot be compared: Python was {python[0]} and is {python[1]}"
            )
    return told


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    some = list(map(str, names))
    more = f" and {len(some) - _MOST_NAMED} more" if len(some) > _MOST_NAMED else ""
    return ", ".join(some[:_MOST_NAMED]) + more
