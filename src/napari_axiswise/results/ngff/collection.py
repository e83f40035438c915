"""Metadata of plates, images and labels, written at the end of a run.

See https://ngff.openmicroscopy.org/0.5. It depends only on which planes were written, not on when or by which worker,
so that it is the same for every axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yaozarrs import v05

from ...core.calibration import POSITION_COMPONENTS, Calibration
from ...core.components import natural_key
from ...core.files import write_atomically
from ...core.grid import IMAGE_AXES, IMAGES, LABELS
from ..step_output import StepOutput, WrittenArray
from .levels import level_shapes
from .metadata import (
    image_attributes,
    label_attributes,
    labels_attributes,
    multiscale,
    omero_channels,
    plate_attributes,
    series_attributes,
    series_xml,
    write_group,
)


@dataclass(frozen=True)
class Source:
    """The source of an image or of labels: a step's array."""

    name: str
    step: StepOutput
    array: WrittenArray

    def value(self, component: str) -> str:
        """Return the value of a component that all planes of the array share; empty if there are several."""
        grid = self.step.grid
        if component not in grid.names or component in grid.axes:
            return ""
        return grid.components[component][self.array.codes[grid.names.index(component)]]


@dataclass
class _Group:
    """An image and its labels."""

    image: Source | None = None
    labels: dict[str, Source] = field(default_factory=dict)

    @property
    def base(self) -> Source:
        """The image, or the first labels if there is no image."""
        return self.image or next(iter(self.labels.values()))


def write_collections(
    root: Path, steps: Mapping[str, StepOutput], known: Calibration, own: Mapping[str, Any]
) -> None:
    """Write the metadata of all images and labels, and of the plates or collections that they are in.

    Parameters
    ----------
    root : Path
        The output folder.
    steps : mapping
        Outputs of steps, in the order of the pipeline.
    known : Calibration
        Calibration of the dataset.
    own : mapping
        Further attributes of the output.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    folders: dict[str, dict[str, _Group]] = {"": {}}
    for name, step in steps.items():
        images = folders.setdefault(step.grid.folder, {})
        for array in step.arrays.values():
            group = images.setdefault(step.grid.image(array.codes, array.shape), _Group())
            if step.grid.labels:
                group.labels[name] = Source(name, step, array)
            else:
                group.image = Source(name, step, array)
    if len(folders) > 1:
        write_group(root / IMAGES, {})
    for folder, images in folders.items():
        groups, xml = _collection(folder, images)
        if not folder:
            groups[""] = {**groups.get("", {}), **own}
        for path, group in images.items():
            # One at a time, as the attributes of all images together may take much memory.
            write_group(root / path, groups.pop(path, {}) | _image(path, group, known))
            for within, attributes in _labels(path, group, known):
                write_group(root / within, attributes)
        for path, attributes in groups.items():
            write_group(root / path, attributes)
        if xml is not None:
            write_atomically(root / folder / "OME" / "METADATA.ome.xml", xml)


def _collection(folder: str, images: Mapping[str, _Group]) -> tuple[dict[str, dict[str, Any]], bytes | None]:
    """Return the groups above images, keyed by path, and the OME-XML of a collection."""
    within = {path: path[len(folder) :].lstrip("/") for path in images}
    in_wells = [path for path, own in within.items() if images[path].base.step.grid.has_wells]
    if in_wells:
        name = images[min(in_wells)].base.name
        found = plate_attributes(name, [within[path] for path in in_wells])
        return {_join(folder, path): attributes for path, attributes in found.items()}, None
    if not images or "" in within.values():
        return {folder: {}}, None
    ordered = {within[path]: images[path].base for path in sorted(images, key=natural_key)}
    described = {
        path: (
            (*(IMAGE_AXES[axis] for axis in base.step.grid.axes), "y", "x"),
            (*base.step.grid.lengths(base.step.grid.axes), *base.array.shape),
            base.array.dtype,
        )
        for path, base in ordered.items()
    }
    found = series_attributes(list(ordered))
    return {_join(folder, path): attributes for path, attributes in found.items()}, series_xml(described)


def _join(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _image(path: str, group: _Group, known: Calibration) -> dict[str, Any]:
    base = group.base
    folder = f"{LABELS}/{base.name}/" if group.image is None else ""
    scales = _multiscale(base, f"{base.name} {path}".strip(), known, folder)
    omero = omero_channels(_channels(base, known), base.step.limits) if group.image is not None else None
    return image_attributes(scales, omero)


def _multiscale(source: Source, name: str, known: Calibration, folder: str = "") -> v05.Multiscale:
    return multiscale(
        name,
        source.step.kind.averages(source.array.dtype),
        source.step.grid.axes,
        len(level_shapes(source.array.shape)),
        known,
        _position(source, known),
        folder,
    )


def _labels(path: str, group: _Group, known: Calibration) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield path and attributes of the groups of an image's labels."""
    if group.labels:
        yield _join(path, LABELS), labels_attributes(list(group.labels))
    for name, source in group.labels.items():
        yield _join(path, LABELS, name), label_attributes(_multiscale(source, name, known))


def _position(source: Source, known: Calibration) -> tuple[float, float] | None:
    """Return the stage position of an image."""
    well, site = (source.value(name) for name in POSITION_COMPONENTS)
    return known.positions.get((well, site))


def _channels(source: Source, known: Calibration) -> Sequence[str]:
    """Return the names of an image's channels, or the name of the step if it has no channels."""
    components, axes = source.step.grid.components, source.step.grid.axes
    values = components["channel"] if "channel" in axes else [source.value("channel")]
    return [known.channel_names.get(value, value) or source.name for value in values]
