"""Detects when a widget leaves its window, or the window is closed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget


class CloseWatcher(QObject):
    """Calls back when the window of a widget is closed, and when the widget is taken out of it.

    A window that is closed is hidden by the program, not by the window system; napari has asked the user and waited
    for its workers by then. A dock that is closed releases its widget, which may live on.

    Parameters
    ----------
    callback : callable
        Called without arguments.
    widget : QWidget
        Its window is watched from the next turn of the event loop on, when it is docked.
    """

    def __init__(self, callback: Callable[[], None], widget: QWidget) -> None:
        super().__init__(widget)
        self._callback = callback
        self._widget = widget
        # A strong reference would keep the window alive.
        self._window = weakref.ref(widget)
        QTimer.singleShot(0, self._watch)

    def _watch(self) -> None:
        self._window = weakref.ref(self._widget.window())
        for part in self._ancestors():
            part.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is None:
            return False
        window = self._window()
        closed = watched is window and event.type() == QEvent.Type.Hide and not event.spontaneous()
        if closed or (event.type() == QEvent.Type.ParentChange and window not in self._ancestors()):
            self._callback()
        return False

    def _ancestors(self) -> Iterator[QWidget]:
        """Yield the widget and its parents. A floating dock still belongs to its window."""
        part: QWidget | None = self._widget
        while part is not None:
            yield part
            part = part.parentWidget()
