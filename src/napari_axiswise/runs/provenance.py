"""The description of a run: its dataset, pipeline and functions, compared when a run is resumed."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..core.files import hide_secrets
from ..core.text import format_value, join_names, shorten_pair
from ..datasets.dataset import Dataset
from ..pipeline.code.digests import is_readable
from ..pipeline.code.fingerprints import fingerprint, provenance
from ..pipeline.code.parcel import StepCode
from ..pipeline.pipeline import Pipeline
from ..pipeline.step import Step
from ..planes.stamps import stamp_files
from ..planes.table import Planes

FORMAT = 3
"""The version of the description. Until format 2, docstrings counted in the hash of a function."""

_WITH_DOCSTRINGS = 2
"""The last format whose hashes of functions include docstrings."""

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
"""Packages whose versions are recorded. Another version does not prevent a run from being resumed."""


def describe_run(dataset: Dataset, pipeline: Pipeline, axis: str) -> dict[str, Any]:
    """Return the description of a run as JSON values.

    Parameters
    ----------
    dataset : Dataset
        With its planes on disk. Its files are identified by their sizes and times. Only the copy of an array that
        was in memory is read.
    pipeline : Pipeline
        Configured.
    axis : str
        The multiprocessing axis. It is recorded, but may change when the run is resumed.
    """
    return {
        "format": FORMAT,
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "begun": datetime.now().timestamp(),
        "axis": axis,
        "dataset": _describe_dataset(dataset),
        "pipeline": describe_pipeline(pipeline),
        "values": _describe_values(pipeline),
        "code": {step.name: StepCode.of(step).by_name for step in pipeline},
    }


def describe_pipeline(pipeline: Pipeline, with_docstrings: bool = False) -> list[dict[str, Any]]:
    """Return the description of a configured pipeline as JSON values, equal for pipelines that do the same.

    Parameters
    ----------
    pipeline : Pipeline
        Configured.
    with_docstrings : bool
        Whether docstrings count in the hashes of functions, as they did until format 2.
    """
    return [_describe_step(step, with_docstrings) for step in pipeline]


def digest_planes(index: Planes) -> str:
    """Return a hash that is the same for the same planes in the same files."""
    planes = sha256()
    for start in range(0, len(index.files), _PIECE):
        # In pieces, as formatting a million names at once would block the window.
        planes.update(json.dumps(list(index.files[start : start + _PIECE])).encode())
    for array in (index.codes, index.file_codes, index.pages):
        planes.update(array.tobytes())
    return planes.hexdigest()


@cache
def _version(name: str) -> str | None:
    # Reading it takes milliseconds, and what is imported does not change within a process.
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], dataset: Dataset, pipeline: Pipeline
) -> list[str]:
    """Return the differences between two runs that could change results, a clause each.

    Parameters
    ----------
    before, now : mapping
        From `describe_run`. That of the earlier run may be of format 2.
    dataset : Dataset
        The dataset of `now`.
    pipeline : Pipeline
        The configured pipeline of `now`.
    """
    if before["format"] not in (_WITH_DOCSTRINGS, FORMAT):
        return [f"it was written by another version, whose format is {before['format']} instead of {FORMAT}"]
    if before["format"] == _WITH_DOCSTRINGS:
        now = {
            **now,
            "pipeline": describe_pipeline(pipeline, with_docstrings=True),
            "values": _describe_values(pipeline, with_docstrings=True),
        }
    return [
        *_dataset_differences(before["dataset"], now["dataset"], dataset, before["begun"]),
        *_pipeline_differences(before, now),
    ]


_PIECE = 10_000
"""Names of files that are hashed at once."""


def _describe_dataset(dataset: Dataset) -> dict[str, Any]:
    index = dataset.index
    files = sha256()
    size = 0
    if dataset.scratch is not None:
        for path in index.paths:
            # The copy of an array that was in memory always has a new time, so its content is compared.
            files.update(_content(path))
    else:
        stamps = index.stamps if index.stamps is not None else stamp_files(index.paths)
        for name, (length, changed, *_) in zip(index.files, stamps.tolist(), strict=True):
            is_gone = length < 0
            size += 0 if is_gone else length
            files.update(os.fsencode(f"{name} is gone" if is_gone else f"{name} {length} {changed}"))
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


def _content(path: str) -> bytes:
    digest = sha256()
    with Path(path).open("rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.digest()


def _dataset_differences(
    before: Mapping[str, Any], now: Mapping[str, Any], dataset: Dataset, since: float
) -> list[str]:
    changes = []
    for name in dict.fromkeys((*before["components"], *now["components"])):
        old, new = before["components"].get(name, ()), now["components"].get(name, ())
        removed = [value for value in old if value not in new]
        added = [value for value in new if value not in old]
        changes += [f"the dataset no longer has {name} {join_names(removed)}"] if removed else []
        changes += [f"the dataset has a new {name} {join_names(added)}"] if added else []
    if not changes and before["planes"] != now["planes"]:
        count = f"{before['plane_count']} before, {now['plane_count']} now"
        changes.append(f"the dataset has other planes ({count}), or they are in other files")
    if not changes and before["files"] != now["files"]:
        newer = [
            name
            for name, path in zip(dataset.index.files, dataset.index.paths, strict=True)
            if Path(path).exists() and Path(path).stat().st_mtime > since
        ]
        which = join_names(newer) if newer else "some have another size or time"
        changes.append(f"files of the dataset were written since: {which}")
    return changes


def _describe_step(step: Step, with_docstrings: bool) -> dict[str, Any]:
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
                "hash": fingerprint(function, with_docstrings),
                "params": {
                    name: _describe_value(value, with_docstrings) for name, value in sorted(params.items())
                },
            }
            for key, (function, params) in step.routes.items()
        },
    }


_HASHED = re.compile(r"\w+ [0-9a-f]{16}")
"""The description of a value by its type and hash."""

_PLAIN = (int, float, str, bool, type(None))


def _describe_value(value: object, with_docstrings: bool) -> str:
    """Return the representation of a plain value, and the type and hash of any other."""
    if isinstance(value, _PLAIN):
        return hide_secrets(repr(value))
    return f"{type(value).__name__} {fingerprint(value, with_docstrings)}"


def _describe_values(pipeline: Pipeline, with_docstrings: bool = False) -> dict[str, str]:
    """Return a text to read for each value of a param that `describe_pipeline` describes by a hash."""
    return {
        _describe_value(value, with_docstrings): format_value(value)
        for step in pipeline
        for _, params in step.routes.values()
        for value in params.values()
        if not isinstance(value, _PLAIN)
    }


def _pipeline_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    old_names, new_names = ([step["name"] for step in run["pipeline"]] for run in (before, now))
    if old_names != new_names:
        return [f"the pipeline's steps were {join_names(old_names)} and are {join_names(new_names)}"]
    changes = []
    for old, new in zip(before["pipeline"], now["pipeline"], strict=True):
        step = f"step {new['name']!r}"
        changes += [
            f"{step} had {option}={old[option]!r} and has {option}={new[option]!r}"
            for option in ("inputs", "output", "variable", "group_by", "keep")
            if old[option] != new[option]
        ]
        if list(old["functions"]) != list(new["functions"]):
            changes.append(
                f"{step} had functions for {join_names(old['functions'])} "
                f"and has functions for {join_names(new['functions'])}"
            )
            continue
        for key, function in new["functions"].items():
            texts = {**before.get("values", {}), **now["values"]}
            changes += [
                f"{step} {change}" for change in _param_changes(old["functions"][key], function, texts)
            ]
            change = _code_change(old["functions"][key], function, before, now)
            changes += [f"{step} {change}"] if change else []
        if not changes:
            used = (run.get("code", {}).get(new["name"], {}) for run in (before, now))
            changes += [f"{step} uses {change}" for change in _use_changes(*used)]
    return changes


def _use_changes(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the changes of what a step uses by name. Earlier versions recorded none of it."""
    changed = [name for name in old if old[name] != new.get(name, old[name])]
    return [
        f"{name}, which was {old[name]} and is {new[name]}"
        if is_readable(old[name]) and is_readable(new[name])
        else f"{name}, which has changed"
        for name in changed
    ]


def _param_changes(old: Mapping[str, Any], new: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    """Return the changes of the params of a function that has the same name.

    Parameters
    ----------
    old, new : mapping
        The function in the descriptions of two runs.
    texts : mapping
        The texts of values that are described by a hash. Earlier versions recorded none.
    """
    if old["name"] != new["name"]:
        return []
    return [
        _param_change(name, old["params"].get(name, "left out"), new["params"].get(name, "left out"), texts)
        for name in dict.fromkeys((*old["params"], *new["params"]))
        if old["params"].get(name) != new["params"].get(name)
    ]


def _param_change(name: str, old: str, new: str, texts: Mapping[str, str]) -> str:
    if _HASHED.fullmatch(old) and old not in texts:
        now, _ = shorten_pair(texts.get(new, new), "")
        return f"has {name}={now} and had another {old.split()[0]}, which was not recorded"
    before, now = shorten_pair(texts.get(old, old), texts.get(new, new))
    if before == now:
        return f"has {name}={now}, which has changed in a part that is not shown"
    return f"had {name}={before} and has {name}={now}"


def _code_change(
    old: Mapping[str, Any], new: Mapping[str, Any], before: Mapping[str, Any], now: Mapping[str, Any]
) -> str:
    """Return how a function of two runs differs, or an empty text."""
    if old["name"] != new["name"]:
        return f"called {old['name']} and calls {new['name']}"
    if old["hash"] == new["hash"]:
        return ""
    if before["format"] == _WITH_DOCSTRINGS and _is_own(new["name"]):
        # The hash includes docstrings, and those of this package have been rewritten since.
        own = LIBRARIES[0]
        if before["versions"].get(own) == now["versions"].get(own):
            return ""
    if before["python"] != now["python"]:
        versions = f"Python was {before['python']} and is {now['python']}"
        return f"calls {new['name']}, whose code cannot be compared: {versions}"
    return f"calls {new['name']}, whose code has changed"


def _is_own(function: str) -> bool:
    """Return whether a function, as `provenance` names it, belongs to this package."""
    return function.startswith(f"{__name__.partition('.')[0]}.")
