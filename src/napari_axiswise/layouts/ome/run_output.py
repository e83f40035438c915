"""Outputs of runs as datasets, with the original component values and only the planes that were written.

Attributes of this package store what OME-Zarr cannot: the values of components, and which planes are missing or failed.
They are checked. If they are inconsistent, the output is read like any other OME-Zarr.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.calibration import Calibration
from ...core.files import full_path, hide_secrets, is_address
from ...core.grid import IMAGE_AXES, LABELS, OWN, RECIPE, ImageGrid
from ...core.kinds import plane_kind
from ...core.text import printable
from ...planes.axes import Axes
from ...planes.table import MOST_PLANES
from ...planes.zarr.arrays import LabelImage, ZarrArrays
from ..column import Column
from ..header import Header
from ..layout import FoundPlanes
from ..problem import Problem
from .image import UNSAFE, mapping
from .zarr_metadata import Attributes, ZarrMetadata


class NotAnOutput(ValueError):
    """The attributes of an output are missing or inconsistent."""


@dataclass(frozen=True)
class _Step:
    """Planes of a step, from the attributes of an output."""

    name: str
    grid: ImageGrid
    codes: NDArray[np.int32]
    shapes: Mapping[tuple[int, ...], tuple[int, int]]
    absent: Mapping[str, int]

    @property
    def axes(self) -> Axes:
        """Leading axes of the step's arrays."""
        names = [IMAGE_AXES[axis] for axis in self.grid.axes]
        return tuple(zip(names, self.grid.lengths(self.grid.axes), strict=True))


def find_run_output(metadata: ZarrMetadata, below: str, attributes: Attributes) -> FoundPlanes:
    """Return the image planes of a run's output, or those of its first labels if it has no images.

    Parameters
    ----------
    metadata : ZarrMetadata
        Metadata of the store.
    below : str
        Path of the output in the store; empty, or ending with ``/``.
    attributes : mapping
        Attributes of the output.

    Raises
    ------
    NotAnOutput
        The attributes are not those of a finished output, or are inconsistent.
    """
    try:
        own = mapping(attributes[OWN])
        steps = [_read_step(own, name) for name in mapping(own["steps"])]
        steps = [step for step in steps if not step.grid.folder and len(step.codes)]
        main = next((step for step in steps if not step.grid.labels), None) or steps[0]
        shape = main.shapes.get(tuple(main.codes[0].tolist()), main.grid.plane_shape)
        first = f"{below}{main.grid.array(main.codes[0].tolist(), shape)}".rstrip("/") + "/0"
        stored, dtype = metadata.array(first.lstrip("/"))
        if stored != (*main.grid.lengths(main.grid.axes), *shape):
            raise NotAnOutput(f"{first} has the shape {stored}")
    except NotAnOutput:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise NotAnOutput(f"{type(error).__name__}: {error}") from error
    files, file_codes = _arrays(main, below)
    labels = {
        step.name: LabelImage(f"{LABELS}/{step.name}/0", step.axes)
        for step in steps
        if step.grid.labels and step.grid.fields == main.grid.fields and not step.shapes
    }
    lengths = [length for _, length in main.axes]
    places = [main.codes[:, main.grid.names.index(axis)] for axis in main.grid.axes]
    pages = np.ravel_multi_index(tuple(places), tuple(lengths)) if places else np.zeros(len(main.codes))
    absent = " and ".join(f"{count:,} {state}" for state, count in main.absent.items() if count)
    return FoundPlanes(
        files=files,
        columns={
            name: Column(main.grid.components[name], main.codes[:, place])
            for place, name in enumerate(main.grid.names)
        },
        problems=[Problem(below or metadata.root, f"{absent} planes of step {main.name!r}")]
        if absent
        else [],
        calibration=Calibration.from_untrusted(own.get("calibration")),
        file_codes=file_codes,
        pages=pages.astype(np.int32),
        header=Header(shape, dtype),
        reader=ZarrArrays(main.axes, labels, f"{LABELS}/{main.name}/0", made_of=_made_of(metadata, below))
        if main.grid.labels
        else ZarrArrays(main.axes, labels),
    )


def _made_of(metadata: ZarrMetadata, below: str) -> str:
    """Return the path or address of the images of a run from the recipe in its output; empty if it has none."""
    for _, recipe in metadata.texts([below], RECIPE):
        try:
            path = tomllib.loads(recipe.decode("utf-8-sig"))["dataset"]["path"]
            # A path that is relative to an address is that of another computer.
            is_known = isinstance(path, str) and (is_address(path) or not is_address(metadata.root))
            return printable(hide_secrets(full_path(Path(metadata.root, below), path))) if is_known else ""
        except (ValueError, LookupError, TypeError, OSError, RuntimeError):
            break
    return ""


def _read_step(own: Mapping[str, Any], name: str) -> _Step:
    """Read the attributes of a step.

    Raises
    ------
    NotAnOutput, LookupError, TypeError, ValueError
        The attributes are inconsistent.
    """
    entry = own["steps"][name]
    components = {str(name): tuple(map(str, values)) for name, values in own["components"].items()}
    names, routed_by = tuple(entry["names"]), entry["routed_by"]
    folder, labels = str(entry["folder"]), plane_kind(entry["kind"]).labels_name(name)
    if any(UNSAFE.search(part) for part in (folder, labels) if part):
        raise NotAnOutput(f"step {name!r} is outside of the output")
    if any(len(set(components[name])) < len(components[name]) or not components[name] for name in names):
        raise NotAnOutput("a component has no values, or a value twice")
    grid = ImageGrid(components, names, routed_by, _read_shape(own["plane_shape"]), folder, labels)
    lengths = grid.lengths(names)
    if math.prod(lengths) > MOST_PLANES:
        raise NotAnOutput(f"step {name!r} claims to have {math.prod(lengths):,} planes")
    written = np.ones(lengths, bool)
    absent = {}
    for state in ("missing", "failed", "pending"):
        codes = np.array(entry[state], np.int64).reshape(-1, len(names))
        written[tuple(codes.T)] = False
        absent[state] = len(codes)
    shapes = {
        tuple(map(int, codes)): _read_shape(other["shape"])
        for other in entry["shapes"]
        for codes in other["planes"]
    }
    return _Step(name, grid, np.argwhere(written).astype(np.int32), shapes, absent)


def _read_shape(shape: Sequence[object]) -> tuple[int, int]:
    height, width = shape
    if not (isinstance(height, int) and isinstance(width, int)):
        raise NotAnOutput(f"{shape} is not the shape of a plane")
    return height, width


def _arrays(step: _Step, below: str) -> tuple[list[str], NDArray[np.int32]]:
    """Return the paths of a step's arrays, and the index of each plane's array."""
    columns = [place for place, name in enumerate(step.grid.names) if name not in step.grid.axes]
    _, first, image_codes = np.unique(step.codes[:, columns], axis=0, return_index=True, return_inverse=True)
    file_codes: NDArray[np.int32] = image_codes.reshape(-1).astype(np.int32)
    usual = [step.grid.array(step.codes[row].tolist(), step.grid.plane_shape) for row in first]
    paths = {path: number for number, path in enumerate(usual)}
    if step.shapes:
        rows = {tuple(codes): row for row, codes in enumerate(step.codes.tolist())}
        for codes, shape in step.shapes.items():
            if codes in rows:
                path = step.grid.array(codes, shape)
                file_codes[rows[codes]] = paths.setdefault(path, len(paths))
    return [f"{below}{path}/0".replace("//", "/").lstrip("/") for path in paths], file_codes
