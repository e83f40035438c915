"""Where the wells of a plate are in a picture of it, and the fields in each well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.calibration import Calibration
from ..core.wells import parse_well, plate_size, row_name

SLIDERS = ("timepoint", "channel", "z_index")
"""A plate is looked at at one value of these; what else components there are tells the fields of a well apart."""

WELL_PIXELS = 1_100_000
"""Of all wells of a picture together: more than a screen has for them would make letters hard to read."""

LARGEST_CELL = 224
"""Pixels of a well that is one of few."""


@dataclass(frozen=True, eq=False)
class PlateGeometry:
    """A picture of a plate: rows and columns of square cells, a well each, with names above and to the left.

    Parameters
    ----------
    rows, columns : int
        Of the smallest standard plate that has all wells, 6 to 1536.
    cell : int
        Pixels of a well's side.
    wells : tuple of str
        The wells of the dataset.
    places : ndarray of int, shape (wells, 2)
        Row and column of each, from 0.
    field_components : mapping
        From the components that tell the fields of a well apart to their values.
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
        """Return the geometry for planes that have these components; None where there is no plate.

        Fields are where the stage had them, so that neighbours touch: in each well alike where a field is at the
        same place in every well, by the positions of the well alone where it is not. Without positions, or
        with fields that differ in more than the site, they are in rows, in natural order.

        Parameters
        ----------
        components : mapping
            From component name to values.
        calibration : Calibration, optional
            With the positions on the stage.
        plane_shape : tuple of int
            (Y, X) of the planes, for the shape of a field.
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
        made = cls(rows, columns, cell, tuple(wells), np.array(places), fields, np.zeros((0, 0, 4), np.int64))
        corners = made.corners[:, None, [0, 1, 0, 1]]
        inner = np.floor(units * (cell - 2 * made.gap) + 0.5).astype(np.int64)
        inner[..., 2:] = np.maximum(inner[..., 2:], inner[..., :2] + 1)
        inner[np.isnan(units).any(axis=-1)] = 0
        object.__setattr__(made, "boxes", inner + made.gap + corners)
        return made

    @property
    def gap(self) -> int:
        """Pixels between a well's fields and the border of its cell."""
        return max(1, self.cell // 24)

    @property
    def letter(self) -> int:
        """Pixels of the height of letters."""
        return max(8, int(min(0.62 * self.cell, 0.042 * self.rows * self.cell)))

    @property
    def top(self) -> int:
        """Pixels above the wells, for the numbers of columns."""
        return int(1.6 * self.letter)

    @property
    def strip(self) -> int:
        """Pixels below the wells, for what is shown and what the signs mean."""
        return int(3.8 * self.letter)

    @property
    def left(self) -> int:
        """Pixels left of the wells, for the letters of rows."""
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
        """Rows and columns of the wells that a plate of this size has and the dataset has not."""
        taken = set(map(tuple, self.places.tolist()))
        return [place for place in np.ndindex(self.rows, self.columns) if place not in taken]

    @property
    def names(self) -> list[tuple[str, float, float]]:
        """The names of rows and columns, each with the (y, x) of its centre; every second where they are dense."""
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
        """Return the index of the well at a place of the picture, or None."""
        row, column = (y - self.top) // self.cell, (x - self.left) // self.cell
        found = np.flatnonzero((self.places == (row, column)).all(axis=1))
        return int(found[0]) if len(found) else None

    def field_at(self, y: float, x: float) -> int | None:
        """Return the index of the field at a place of the picture, or None where there is none."""
        well = self.well_at(y, x)
        if well is None:
            return None
        top, left, bottom, right = self.boxes[well].T
        found = np.flatnonzero((top <= y) & (y < bottom) & (left <= x) & (x < right))
        return int(found[-1]) if len(found) else None

    def field(self, values: Mapping[str, int]) -> int:
        """Return the index of a field, from the indices of its components' values."""
        codes = [values.get(name, 0) for name in self.field_components]
        lengths = [len(values) for values in self.field_components.values()]
        return int(np.ravel_multi_index(codes, lengths)) if codes else 0

    def field_values(self, field: int) -> dict[str, int]:
        """Return the indices of the components' values of a field."""
        lengths = [len(values) for values in self.field_components.values()]
        codes = np.unravel_index(field, lengths) if lengths else ()
        return {name: int(code) for name, code in zip(self.field_components, codes, strict=True)}


def _grid_boxes(count: int, aspect: float) -> NDArray[np.float64]:
    """Return boxes in rows, as near to a square as they get, shape (count, 4), within 0 to 1."""
    columns = min(range(1, count + 1), key=lambda n: max(n, math.ceil(count / n) * aspect) * (1 - 1e-6 * n))
    row, column = np.divmod(np.arange(count), columns)
    return _within(np.stack([row * aspect, column], axis=1).astype(float), (aspect, 1.0))


def _within(corners: NDArray[np.float64], size: tuple[float, float]) -> NDArray[np.float64]:
    """Return boxes with these top left corners and one size, made to fit into 0 to 1 and centred there."""
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
    """Return boxes where the stage had the sites, shape (wells, sites, 4); None where that is not known."""
    nowhere = (math.nan, math.nan)
    stage = np.array([[positions.get((well, site), nowhere) for site in sites] for well in wells])
    known = ~np.isnan(stage[..., 0])
    if not known.any(axis=0).all():
        return None
    whole = known.sum(axis=1) == known.sum(axis=1).max()
    # Relative to the first site that all of these wells have: the well's own corner moves with what is missing.
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
    """Return boxes for the sites of a well, and the distance that a site may be off; None where two would coincide."""
    largest = np.diff(np.sort(positions, axis=0), axis=0)
    # What a stage is off by is small against the distance of two fields, in whatever direction that is.
    jitter = 0.25 * float(np.nanmax(largest, initial=0.0))
    (y, step_y), (x, step_x) = _lattice(positions[:, 0], jitter), _lattice(positions[:, 1], jitter)
    known = ~np.isnan(y)
    if len(np.unique(np.stack([y, x])[:, known], axis=1).T) < known.sum():
        return None
    height = step_y or step_x * aspect or aspect
    width = step_x or height / aspect
    return _within(np.stack([y, x], axis=1), (height, width)), min(height, width) / 3


def _lattice(values: NDArray[np.float64], jitter: float) -> tuple[NDArray[np.float64], float]:
    """Return coordinates without the jitter of a stage, and the smallest distance of two of them; 0 for one."""
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known])]
    group = np.concatenate([[0], np.cumsum(np.diff(values[order]) > jitter)])
    means = np.bincount(group, values[order]) / np.bincount(group)
    snapped = values.copy()
    snapped[order] = means[group]
    return snapped, float(np.diff(means).min()) if len(means) > 1 else 0.0
