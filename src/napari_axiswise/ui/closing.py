"""Knowing when the window that a widget is in was closed."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget


class CloseWatcher(QObject):
    """Calls back when the window of a widget is closed.

    A window that is closed is hidden by the program, not by the window system; before that napari has asked
    the user and has waited for its workers.

    Parameters
    ----------
    callback : callable
        Called without arguments.
    widget : QWidget
        Whose window is watched, from the next turn of the event loop on: by then it is docked.
    """

    def __init__(self, callback: Callable[[], None], widget: QWidget) -> None:
        super().__init__(widget)
        self._callback = callback
        self._widget = widget
        QTimer.singleShot(0, self._watch)

    def _watch(self) -> None:
        self._widget.window().installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is not None and event.type() == QEvent.Type.Hide and not event.spontaneous():
            self._callback()
        return False
