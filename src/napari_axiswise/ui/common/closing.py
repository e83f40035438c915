"""Knowing when a widget has left its window, or the window was closed."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtWidgets import QWidget


class CloseWatcher(QObject):
    """Calls back when the window of a widget is closed, and when the widget is taken out of it.

    A window that is closed is hidden by the program, not by the window system; before that napari has asked
    the user and has waited for its workers. A dock that is closed gives up what is in it, which may live on.

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
        # Not held: the window would live as long as what watches it.
        self._window = weakref.ref(widget)
        QTimer.singleShot(0, self._watch)

    def _watch(self) -> None:
        self._window = weakref.ref(self._widget.window())
        for part in self._line():
            part.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: D102
        if event is None:
            return False
        window = self._window()
        closed = watched is window and event.type() == QEvent.Type.Hide and not event.spontaneous()
        if closed or (event.type() == QEvent.Type.ParentChange and window not in self._line()):
            self._callback()
        return False

    def _line(self) -> Iterator[QWidget]:
        """Yield the widget, and what it is in. A dock that floats is in its window still."""
        part: QWidget | None = self._widget
        while part is not None:
            yield part
            part = part.parentWidget()
