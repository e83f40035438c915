"""Helpers for widgets that follow napari's theme."""

from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtGui import QColor


def is_theme_change(event: QEvent) -> bool:
    """Return whether an event announces new colours."""
    return event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange)


def mixed(colour: QColor, other: QColor, share: float) -> QColor:
    """Mix two colours; `share` is that of `other`, from 0 to 1."""
    pairs = zip(colour.getRgb()[:3], other.getRgb()[:3], strict=True)
    return QColor(*(round(one * (1 - share) + two * share) for one, two in pairs))
