"""The text on the picture of a plate: names of rows and columns, and the legend."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter

from ...plates.geometry import PlateGeometry
from .picture import INK, RGB, ColourScale, floor, sign
from .states import FieldState

BAR = 0.22
"""Width of the colour bar, as a fraction of the picture's width."""


def backdrop(geometry: PlateGeometry) -> RGB:
    """Return an empty plate with the names of its rows and columns."""
    pen = _Pen(floor(geometry.shape), geometry.letter)
    for text, y, x in geometry.names:
        pen.write(text, y, x)
    return pen.rgb


def write_strip(
    rgb: RGB,
    geometry: PlateGeometry,
    title: str,
    signs: Sequence[tuple[FieldState, str]],
    bar: ColourScale | None = None,
) -> None:
    """Draw the legend below the wells: title, colour bar with its limits, and signs.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (Y, X, 3)
        The picture; changed in place.
    geometry : PlateGeometry
        Layout of the picture.
    title : str
        Title of the legend.
    signs : sequence of tuple
        States, and the names of their signs.
    bar : ColourScale, optional
        Colours of the values; None for no colour bar.
    """
    top = geometry.top + geometry.rows * geometry.cell
    pen = _Pen(floor((geometry.strip, geometry.shape[1])), int(0.85 * geometry.letter))
    height, width = pen.shape
    gap = geometry.letter / 2
    box = int(1.3 * geometry.letter)
    place = gap
    if bar is not None:
        low, high = (f"{limit:.4g}" for limit in bar.limits)
        pen.write(low, 0.3 * height, place, left=True)
        place += pen.width(low) + gap / 2
        length = int(BAR * width)
        values = np.linspace(*bar.limits, length, dtype=np.float32)
        pen.paint(np.broadcast_to(bar(values), (box, length, 3)), int(0.3 * height - box / 2), int(place))
        place += length + gap / 2
        pen.write(high, 0.3 * height, place, left=True)
        place += pen.width(high) + 2 * gap
    pen.write(title, 0.3 * height, place, left=True, room=width - place - gap)
    place = gap
    for state, name in signs:
        pen.paint(sign(state, box, box), int(0.74 * height - box / 2), int(place))
        place += box + gap / 2
        pen.write(name, 0.74 * height, place, left=True)
        place += pen.width(name) + 1.5 * gap
    rgb[top:] = pen.rgb


class _Pen:
    """Painter of pixels and text."""

    def __init__(self, rgb: RGB, letter: int) -> None:
        # Qt aligns rows of pixels to four bytes.
        self._pixels = np.full((*rgb.shape[:2], 4), 255, np.uint8)
        self._pixels[..., :3] = rgb
        self._texts: list[tuple[QRectF, str]] = []
        self._font = QFont("sans-serif")
        self._font.setPixelSize(letter)
        self._font.setBold(True)
        self._metrics = QFontMetricsF(self._font)

    @property
    def rgb(self) -> RGB:
        """The painted pixels, with the text on them."""
        height, width = self._pixels.shape[:2]
        image = QImage(self._pixels.data, width, height, 4 * width, QImage.Format.Format_RGBX8888)
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
        painter.setFont(self._font)
        painter.setPen(QColor(*INK))
        for area, text in self._texts:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        # The text is on Qt's copy of the pixels, not on ours.
        bits = image.constBits()
        if hasattr(bits, "setsize"):
            bits.setsize(image.sizeInBytes())
        return np.frombuffer(bits, np.uint8).reshape(height, width, 4)[..., :3].copy()

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X)."""
        return self._pixels.shape[0], self._pixels.shape[1]

    def width(self, text: str) -> float:
        """Return the width of a text in pixels."""
        return float(self._metrics.horizontalAdvance(text))

    def write(self, text: str, y: float, x: float, left: bool = False, room: float = 1e6) -> None:
        """Write a text centred at, or starting at, a position; elided to `room` pixels."""
        text = self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
        width, height = self.width(text) + 2, 2 * self._metrics.height()
        self._texts.append((QRectF(x if left else x - width / 2, y - height / 2, width, height), text))

    def paint(self, rgb: RGB, top: int, left: int) -> None:
        """Copy pixels to a position."""
        self._pixels[top : top + rgb.shape[0], left : left + rgb.shape[1], :3] = rgb
