"""A plate as an RGB array: thumbnails or colours of wells, and signs for fields without an image."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...plates.geometry import PlateGeometry
from .states import FieldState

RGB = NDArray[np.uint8]

FLOOR = (46, 51, 57)
"""Background colour: lighter than black, so that a black thumbnail stands out."""

INK = (222, 226, 230)
"""Text colour."""

FAINT, HATCH = (112, 122, 134), (92, 101, 112)
SKY, VERMILLION, YELLOW = (86, 180, 233), (213, 94, 0), (240, 228, 66)
"""Colour-blind safe colours: Okabe and Ito, Color Universal Design, https://jfly.uni-koeln.de/color/"""

SIGNS = {
    FieldState.PENDING: "pending",
    FieldState.RUNNING: "running",
    FieldState.FAILED: "failed",
    FieldState.MISSING: "no image",
    FieldState.DONE: "no value",
}
"""Names of the signs, which differ in shape and not only in colour."""


@dataclass(frozen=True, eq=False)
class ColourScale:
    """Mapping of values to colours.

    Parameters
    ----------
    table : ndarray of uint8, shape (256, 3)
        The colours, from the lowest value to the highest.
    limits : tuple of float
        Lowest and highest value.
    """

    table: RGB
    limits: tuple[float, float]

    def __call__(self, values: NDArray[np.float32]) -> RGB:
        """Return the RGB colours of values, shape (*values.shape, 3)."""
        low, high = self.limits
        scaled = (values - low) * (255.0 / (high - low if high > low else 1.0))
        return np.asarray(self.table[np.clip(scaled + 0.5, 0, 255).astype(np.uint8)])

    def same_as(self, other: ColourScale) -> bool:
        """Return whether both scales are the same."""
        return self.limits == other.limits and self.table is other.table


@lru_cache(maxsize=1)
def grey_table() -> RGB:
    """Return the colours of images, from black to white."""
    return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)


@lru_cache(maxsize=1)
def label_table() -> RGB:
    """Return the colours of labels: black, then 255 colours, of which consecutive ones differ."""
    hue = (np.arange(256) * 0.618034) % 1.0
    value = 0.7 + 0.3 * ((np.arange(256) * 0.381966) % 1.0)
    wheel = np.abs((hue[:, None] * 6 - np.array([3.0, 2.0, 4.0])) % 6 - 3) - 1
    wheel = np.clip(np.where([True, False, False], wheel, 1 - wheel), 0, 1)
    table = (255 * value[:, None] * (0.35 + 0.65 * wheel)).astype(np.uint8)
    table[0] = 0
    return np.asarray(table)


class PlatePicture:
    """Picture of a plate that is filled as tasks finish.

    Parameters
    ----------
    geometry : PlateGeometry
        Layout of the picture.
    backdrop : ndarray of uint8, shape (Y, X, 3)
        The empty plate with the names of rows and columns.
    scale : ColourScale
        Colours of the values.

    Attributes
    ----------
    rgb : ndarray of uint8, shape (Y, X, 3)
        The pixels drawn so far.
    """

    def __init__(self, geometry: PlateGeometry, backdrop: RGB, scale: ColourScale) -> None:
        self.geometry = geometry
        self.scale = scale
        self.rgb = backdrop.copy()
        self._values = np.full(geometry.shape, np.nan, np.float32)
        self._states = np.full(geometry.boxes.shape[:2], 255, np.uint8)
        self._shown = np.zeros(geometry.boxes.shape[:2], dtype=bool)
        self._stale: set[int] = set(range(len(geometry.wells)))
        for row, column in geometry.empty_places:
            self._draw(self._inner(row, column), FieldState.MISSING)

    @property
    def shown(self) -> NDArray[np.bool_]:
        """Which fields have values, shape (wells, fields)."""
        return self._shown

    def set_states(self, states: NDArray[np.uint8]) -> None:
        """Set the states of all fields, which are drawn if a field has no values.

        Parameters
        ----------
        states : ndarray of uint8, shape (wells, fields)
            Values of `FieldState`.
        """
        changed = (states != self._states).any(axis=1)
        self._states = states
        self._stale |= set(np.flatnonzero(changed).tolist())

    def set_values(self, places: NDArray[np.int64], pixels: NDArray[np.generic], exact: bool = False) -> None:
        """Set the values of some fields.

        Parameters
        ----------
        places : ndarray of int, shape (fields, 2)
            Indices of well and field.
        pixels : ndarray, shape (fields, Y, X)
            Values, which are resized to the field; NaN for none.
        exact : bool
            Whether the values are labels, which must not be averaged.
        """
        boxes = self.geometry.boxes[places[:, 0], places[:, 1]]
        sizes = boxes[:, 2:] - boxes[:, :2]
        for height, width in np.unique(sizes, axis=0).tolist():
            if not height or not width:
                continue
            chosen = np.flatnonzero((sizes == (height, width)).all(axis=1))
            fitted = fit(pixels[chosen], (height, width), exact)
            for (top, left, bottom, right), plane in zip(boxes[chosen].tolist(), fitted, strict=True):
                self._values[top:bottom, left:right] = plane
        self._shown[places[:, 0], places[:, 1]] = True
        self._stale |= set(places[:, 0].tolist())

    def set_scale(self, scale: ColourScale) -> None:
        """Change the colours of the values."""
        if not scale.same_as(self.scale):
            self.scale = scale
            self._stale |= set(np.flatnonzero(self._shown.any(axis=1)).tolist())

    def draw(self) -> bool:
        """Draw the wells that have changed. Return whether there were any."""
        stale, self._stale = self._stale, set()
        for well in stale:
            self._draw_well(well)
        return bool(stale)

    def marked(self, well: int, field: int) -> RGB:
        """Return a copy of the picture with a frame around a well and a thin one around a field."""
        rgb = self.rgb.copy()
        top, left, bottom, right = self._cell(*self.geometry.places[well].tolist())
        _frame(rgb[top:bottom, left:right], YELLOW, self.geometry.gap + 1)
        if self.geometry.boxes.shape[1] > 1:
            top, left, bottom, right = self.geometry.boxes[well, field].tolist()
            _frame(rgb[top:bottom, left:right], YELLOW, max(1, self.geometry.gap // 2))
        return rgb

    def _draw_well(self, well: int) -> None:
        geometry = self.geometry
        place = geometry.places[well].tolist()
        top, left, bottom, right = self._cell(*place)
        self.rgb[top:bottom, left:right] = FLOOR
        without = np.flatnonzero(~self._shown[well])
        states = self._states[well]
        if len(without) == len(states) and (states == states[0]).all():
            self._draw(self._inner(*place), states[0])
        else:
            for field in without.tolist():
                self._draw(geometry.boxes[well, field].tolist(), states[field])
        values = self._values[top:bottom, left:right]
        has_value = ~np.isnan(values)
        self.rgb[top:bottom, left:right][has_value] = self.scale(values[has_value])

    def _draw(self, box: Iterable[int], state: int) -> None:
        top, left, bottom, right = box
        if bottom > top and right > left:
            self.rgb[top:bottom, left:right] = sign(FieldState(state), bottom - top, right - left)

    def _cell(self, row: int, column: int) -> tuple[int, int, int, int]:
        cell = self.geometry.cell
        top, left = self.geometry.top + row * cell, self.geometry.left + column * cell
        return top, left, top + cell, left + cell

    def _inner(self, row: int, column: int) -> tuple[int, int, int, int]:
        gap = self.geometry.gap
        top, left, bottom, right = self._cell(row, column)
        return top + gap, left + gap, bottom - gap, right - gap


@lru_cache(maxsize=256)
def sign(state: FieldState, height: int, width: int) -> RGB:
    """Return the sign of a field or well without an image, shape (height, width, 3).

    Pending: a faint outline. Running: a blue outline with a dot. Failed: a cross. No image was taken: hatched.
    Done without a value: an outline with a bar.
    """
    drawn = np.empty((height, width, 3), np.uint8)
    drawn[:] = FLOOR
    y, x = np.mgrid[:height, :width]
    line = max(1 if min(height, width) < 24 else 2, min(height, width) // 16)
    if state is FieldState.MISSING:
        drawn[(y + x) % max(4, min(height, width) // 4) < line] = HATCH
    elif state is FieldState.FAILED:
        drawn[:] = [part // 3 for part in VERMILLION]
        slope = (width - 1) / max(1, height - 1)
        off = np.minimum(np.abs(x - y * slope), np.abs(x - (width - 1 - y * slope)))
        drawn[off < 1.5 * line] = VERMILLION
        _frame(drawn, VERMILLION, line)
    else:
        running = state is FieldState.RUNNING
        _frame(drawn, SKY if running else FAINT, 2 * line if running else line)
        if running:
            middle = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
            drawn[middle < max(1.5, min(height, width) / 7)] = SKY
        elif state is FieldState.DONE:
            drawn[(np.abs(y - (height - 1) / 2) <= line) & (np.abs(x - (width - 1) / 2) < width / 4)] = FAINT
    drawn.setflags(write=False)
    return drawn


def fit(pixels: NDArray[np.generic], shape: tuple[int, int], exact: bool = False) -> NDArray[np.float32]:
    """Resize planes: enlarge by repeating pixels, shrink by averaging.

    Parameters
    ----------
    pixels : ndarray, shape (planes, Y, X)
        Planes of any type.
    shape : tuple of int
        New (Y, X).
    exact : bool
        Shrink by picking pixels instead of averaging.
    """
    fitted = pixels if exact else pixels.astype(np.float32, copy=False)
    for axis, length in ((1, shape[0]), (2, shape[1])):
        own = fitted.shape[axis]
        if length >= own or exact:
            middles = ((np.arange(length) + 0.5) * own / length).astype(np.intp)
            fitted = fitted.take(middles, axis=axis)
        else:
            starts = (np.arange(length) * own / length).astype(np.intp)
            counts = np.diff([*starts.tolist(), own]).astype(np.float32)
            sums = np.add.reduceat(fitted, starts, axis=axis, dtype=np.float32)
            fitted = sums / (counts[:, None] if axis == 1 else counts)
    return np.asarray(fitted, np.float32)


def floor(shape: tuple[int, int]) -> RGB:
    """Return the background of a plate."""
    rgb = np.empty((*shape, 3), np.uint8)
    rgb[:] = FLOOR
    return rgb


def _frame(rgb: RGB, colour: tuple[int, int, int], width: int) -> None:
    """Draw a frame along the inside of the border of `rgb`."""
    for side in (rgb[:width], rgb[-width:], rgb[:, :width], rgb[:, -width:]):
        side[:] = colour
