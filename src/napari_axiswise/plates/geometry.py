"""Positions of wells and fields of view in a picture of a plate."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.wells import parse_well, plate_size, row_name

SLIDERS = ("plate", "timepoint", "channel", "z_index")
"""Components that a picture shows one value of. The other components distinguish the fields of a well."""

WELL_PIXELS = 1_100_000
"""Maximum number of pixels of all wells together, so that letters stay legible on a screen."""

LARGEST_CELL = 224
"""Maximum side of a well, in pixels."""


@dataclass(frozen=True, eq=False)
class PlateGeometry:
    """A picture of a plate: a square cell for each well, with row names at the left and column names above.

    Parameters
    ----------
    rows, columns : int
        Size of the smallest standard plate that has all wells, from 6 to 1536.
    cell : int
        Side of a well, in pixels.
    wells : tuple of str
        The wells of the dataset.
    places : ndarray of int, shape (wells, 2)
        Row and column of each well, from 0.
    field_components : mapping
        Components that distinguish the fields of a well, with their values.
    boxes : ndarray of int, shape (wells, fields, 4)
        Top, left, bottom and right of each field, in pixels of the picture. Fields are in natural order.
    """

    rows: int
    columns: int
    cell: int
    wells: tuple[str, ...]
    places: NDArray[np.int64]
    field_components: Mapping[str, tuple[str, ...]]
    boxes: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        components: Mapping[str, tuple[str, ...]],
        calibration: Calibration | None = None,
        plane_shape: tuple[int, int] = (1, 1),
    ) -> PlateGeometry | None:
        """Return the geometry of a plate with these components, or None if they have no wells.

        Fields are placed by their stage positions, so that neighbours touch. Wells share one arrangement; a well
        whose positions differ has its own. Without positions, or if fields differ in more than the site, they are
        arranged in rows, in natural order.

        Parameters
        ----------
        components : mapping
            Values by component name.
        calibration : Calibration, optional
            Holds the stage positions.
        plane_shape : tuple of int
            (Y, X) of a plane, for the aspect ratio of a field.
        """
        wells = components.get("well", ())
        places = [parse_well(well) for well in wells]
        if not places or None in places:
            return None
        fields = {
            name: values for name, values in components.items() if name != "well" and name not in SLIDERS
        }
        aspect = plane_shape[0] / plane_shape[1]
        count = math.prod(map(len, fields.values()))
        units = None
        if "site" in fields and len(fields["site"]) == count and calibration is not None:
            units = _stage_boxes(wells, fields["site"], calibration.positions, aspect)
        if units is None:
            units = np.broadcast_to(_grid_boxes(count, aspect), (len(wells), count, 4))
        rows, columns = plate_size(wells)
        cell = min(LARGEST_CELL, int(math.sqrt(WELL_PIXELS / (rows * columns))))
        empty = np.zeros((0, 0, 4), np.int64)
        geometry = cls(rows, columns, cell, tuple(wells), np.array(places), fields, empty)
        corners = geometry.corners[:, None, [0, 1, 0, 1]]
        inner = np.floor(units * (cell - 2 * geometry.gap) + 0.5).astype(np.int64)
        inner[..., 2:] = np.maximum(inner[..., 2:], inner[..., :2] + 1)
        inner[np.isnan(units).any(axis=-1)] = 0
        object.__setattr__(geometry, "boxes", inner + geometry.gap + corners)
        return geometry

    @property
    def gap(self) -> int:
        """Margin between the fields of a well and the border of its cell, in pixels."""
        return max(1, self.cell // 24)

    @property
    def letter(self) -> int:
        """Height of letters, in pixels."""
        return max(8, int(min(0.62 * self.cell, 0.042 * self.rows * self.cell)))

    @property
    def top(self) -> int:
        """Space above the wells for the column numbers, in pixels."""
        return int(1.6 * self.letter)

    @property
    def strip(self) -> int:
        """Space below the wells for the title and the legend, in pixels."""
        return int(3.8 * self.letter)

    @property
    def left(self) -> int:
        """Space left of the wells for the row letters, in pixels."""
        return int(2.0 * self.letter)

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of the picture."""
        return (
            self.top + self.rows * self.cell + self.strip,
            self.left + self.columns * self.cell + self.gap,
        )

    @property
    def corners(self) -> NDArray[np.int64]:
        """Top and left of the cell of each well, shape (wells, 2)."""
        corners: NDArray[np.int64] = self.places * self.cell + np.array([self.top, self.left])
        return corners

    @property
    def empty_places(self) -> list[tuple[int, int]]:
        """(Row, column) of each well of the plate that is not in the dataset."""
        taken = set(map(tuple, self.places.tolist()))
        return [place for place in np.ndindex(self.rows, self.columns) if place not in taken]

    @property
    def names(self) -> list[tuple[str, float, float]]:
        """Names of rows and columns with the (y, x) of their centres. If they are dense, every second one."""
        every = 1 if self.cell >= 1.9 * self.letter else 2
        middle = self.cell / 2
        rows = [
            (row_name(row), self.top + row * self.cell + middle, self.left / 2)
            for row in range(0, self.rows, 1 if self.cell >= 1.2 * self.letter else 2)
        ]
        columns = [
            (str(column + 1), self.top / 2, self.left + column * self.cell + middle)
            for column in range(0, self.columns, every)
        ]
        return rows + columns

    def well_at(self, y: float, x: float) -> int | None:
        """Return the index of the well at a position in the picture, or None."""
        row, column = (y - self.top) // self.cell, (x - self.left) // self.cell
        found = np.flatnonzero((self.places == (row, column)).all(axis=1))
        return int(found[0]) if len(found) else None

    def field_at(self, y: float, x: float) -> int | None:
        """Return the index of the field at a position in the picture, or None."""
        well = self.well_at(y, x)
        if well is None:
            return None
        top, left, bottom, right = self.boxes[well].T
        found = np.flatnonzero((top <= y) & (y < bottom) & (left <= x) & (x < right))
        return int(found[-1]) if len(found) else None

    def field(self, values: Mapping[str, int]) -> int:
        """Return the index of the field with these component value indices."""
        codes = [values.get(name, 0) for name in self.field_components]
        lengths = [len(values) for values in self.field_components.values()]
        return int(np.ravel_multi_index(codes, lengths)) if codes else 0

    def field_values(self, field: int) -> dict[str, int]:
        """Return the component value indices of a field."""
        lengths = [len(values) for values in self.field_components.values()]
        codes = np.unravel_index(field, lengths) if lengths else ()
        return {name: int(code) for name, code in zip(self.field_components, codes, strict=True)}


def _grid_boxes(count: int, aspect: float) -> NDArray[np.float64]:
    """Return boxes in rows that together are nearly square, shape (count, 4), from 0 to 1."""
    columns = min(range(1, count + 1), key=lambda n: max(n, math.ceil(count / n) * aspect) * (1 - 1e-6 * n))
    row, column = np.divmod(np.arange(count), columns)
    return _within(np.stack([row * aspect, column], axis=1).astype(float), (aspect, 1.0))


def _within(corners: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.float64]:
    """Return boxes of one size at these top left corners, scaled to fit 0 to 1 and centred."""
    boxes = np.concatenate([corners, corners + size], axis=1)
    boxes -= np.tile(np.nanmin(boxes[:, :2], axis=0), 2)
    extent = np.nanmax(boxes[:, 2:], axis=0)
    boxes += np.tile((extent.max() - extent) / 2, 2)
    return np.asarray(boxes / extent.max())


def _stage_boxes(
    wells: Sequence[str],
    sites: Sequence[str],
    positions: Mapping[tuple[str, str], tuple[float, float]],
    aspect: float,
) -> NDArray[np.float64] | None:
    """Return boxes at the stage positions of the sites, shape (wells, sites, 4), or None if unknown."""
    nowhere = (math.nan, math.nan)
    stage = np.array([[positions.get((well, site), nowhere) for site in sites] for well in wells])
    known = ~np.isnan(stage[..., 0])
    if not known.any(axis=0).all():
        return None
    whole = known.sum(axis=1) == known.sum(axis=1).max()
    # Compared in complete wells only: a missing site would move the corner of its well.
    offsets = stage[whole]
    offsets = offsets - np.nanmin(offsets, axis=1, keepdims=True)
    usual = np.full((len(sites), 2), math.nan)
    seen = ~np.isnan(offsets[..., 0]).all(axis=0)
    usual[seen] = np.nanmedian(offsets[:, seen], axis=0)
    found = _site_boxes(usual, aspect)
    if found is None:
        return None
    boxes, tolerance = found
    every = np.broadcast_to(boxes, (len(wells), *boxes.shape)).copy()
    for well in np.flatnonzero(known.any(axis=1)):
        differences = stage[well] - usual
        here = known[well]
        shift = np.median(differences[here & seen], axis=0) if (here & seen).any() else np.zeros(2)
        if not np.abs(differences[here] - shift).max() <= tolerance:
            own = _site_boxes(stage[well], aspect)
            if own is not None:
                every[well] = own[0]
    return every


def _site_boxes(positions: NDArray[np.float64], aspect: float) -> tuple[NDArray[np.float64], float] | None:
    """Return boxes for the sites of a well, and the tolerance of a position; None if two boxes coincide."""
    largest = np.diff(np.sort(positions, axis=0), axis=0)
    # The error of a stage is small compared to the distance of two fields, in either direction.
    jitter = 0.25 * float(np.nanmax(largest, initial=0.0))
    (y, step_y), (x, step_x) = _lattice(positions[:, 0], jitter), _lattice(positions[:, 1], jitter)
    known = ~np.isnan(y)
    if len(np.unique(np.stack([y, x])[:, known], axis=1).T) < known.sum():
        return None
    height = step_y or step_x * aspect or aspect
    width = step_x or height / aspect
    return _within(np.stack([y, x], axis=1), (height, width)), min(height, width) / 3


def _lattice(values: NDArray[np.float64], jitter: float) -> tuple[NDArray[np.float64], float]:
    """Return coordinates without the jitter of a stage, and the smallest distance of two; 0 if there is only one."""
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known])]
    group = np.concatenate([[0], np.cumsum(np.diff(values[order]) > jitter)])
    means = np.bincount(group, values[order]) / np.bincount(group)
    snapped = values.copy()
    snapped[order] = means[group]
    return snapped, float(np.diff(means).min()) if len(means) > 1 else 0.0
