"""Dialog to search the catalog for a function."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from qtpy.QtCore import QEvent, QObject, QSize, Qt, Signal
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...catalog.catalog import Catalog
from ...catalog.offer import Offer
from ..common.background import BackgroundQueue
from ..common.parts import line
from ..common.plain import plain_tooltip

SIZE = QSize(420, 480)

MOST_READ = 60
"""Functions whose signatures are read at once. Others are read when the user points at them."""

_OFFER = Qt.ItemDataRole.UserRole
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class FunctionChooser(QDialog):
    """Dialog that lists functions. Those that cannot be steps are grey and show the reason.

    Attributes
    ----------
    chosen : Signal
        Emitted with the chosen `Offer`.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Choose a function")
        self._catalog = Catalog()
        self._files: tuple[Path, ...] = ()
        self._wanted: Offer | None = None
        self._reader = BackgroundQueue(newest_first=True)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: threshold, label, module:name …")
        self.search.setAccessibleName("Search")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName("Functions")
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setMouseTracking(True)
        self.about = line("About the function")
        self.about.setMinimumHeight(4 * self.fontMetrics().height())
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.file_button = QPushButton("Python file…")
        self.file_button.setToolTip("List the functions of a Python file as well.")
        self.file_button.setAutoDefault(False)
        self.add_button = QPushButton("Add")
        self.add_button.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.file_button)
        buttons.addStretch()
        buttons.addWidget(self.add_button)
        column = QVBoxLayout(self)
        for part in (self.search, self.list, self.about):
            column.addWidget(part)
        column.addLayout(buttons)
        self.resize(SIZE)
        self.search.installEventFilter(self)
        self.search.textChanged.connect(lambda _: self._show())
        self.list.currentItemChanged.connect(lambda item, _: self._look_at(item))
        self.list.itemEntered.connect(lambda item: self._ask_about(item.data(_OFFER)))
        self.list.itemActivated.connect(lambda _: self._add_selected())
        self.add_button.clicked.connect(self._add_selected)
        self.file_button.clicked.connect(lambda: self._ask_file())
        self.finished.connect(lambda _: self._reader.close())
        self._reader.returned.connect(self._add_result)
        self._reader.failed.connect(self._fail)

    def ask(self) -> None:
        """Open the dialog, with the last search."""
        self._wanted = None
        self._read_catalog()
        self._show()
        self.open()
        self.search.setFocus()
        self.search.selectAll()

    def add_file(self, path: str | Path) -> None:
        """Add the functions of a Python file, before all others."""
        self._files = (*self._files, Path(path))
        self._read_catalog()

    def close(self) -> bool:
        """Close the dialog, and read no more functions."""
        self._reader.close()
        with suppress(RuntimeError):  # deleted with the window
            return bool(super().close())
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: D102
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in _MOVES:
            # These keys move in the list while the search field keeps the focus.
            self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    # ------------------------------------------------------------------ what is shown

    def _read_catalog(self) -> None:
        self._reader.put(partial(Catalog.everything, self._files))

    def _add_result(self, result: Catalog | Offer) -> None:
        if isinstance(result, Catalog):
            self._list(result)
        else:
            self._know(result)

    def _list(self, catalog: Catalog) -> None:
        if catalog != self._catalog:
            self._catalog = catalog
            self._show()

    def _show(self) -> None:
        """List the functions: by source, or best match first if there are search words."""
        words = self.search.text().strip()
        self.list.clear()
        self._rows: dict[str, QListWidgetItem] = {}
        source = ""
        found = self._catalog.search(words)
        if words:
            found.sort(key=_is_refused)
        for offer in found:
            if not words and offer.source != source:
                source = offer.source
                self.list.addItem(_heading(source))
            item = QListWidgetItem(f"{offer.name} · {offer.source}" if words else f"    {offer.name}")
            item.setData(_OFFER, offer)
            self._rows[offer.path] = item
            self.list.addItem(item)
            if offer.known:
                self._mark(item, offer)
        for offer in reversed([offer for offer in found if _is_imported(offer)][:MOST_READ]):
            self._ask_about(offer)
        if words and self.list.count():
            self.list.setCurrentRow(0)
        else:
            self._look_at(None)

    def _look_at(self, item: QListWidgetItem | None) -> None:
        offer = self._current if item is not None else None
        self.add_button.setEnabled(offer is not None and not _is_refused(offer))
        if offer is None:
            loading = not len(self._catalog)
            self.about.setText("Searching…" if loading else f"{len(self._catalog)} functions.")
            return
        self._ask_about(offer)
        text = offer.reason if _is_refused(offer) else offer.summary
        self.about.setText(f"{text}\n{offer.path}")

    def _ask_about(self, offer: Offer | None) -> None:
        if offer is not None and not offer.known:
            self._reader.put(partial(_read_signature, offer))

    def _know(self, offer: Offer) -> None:
        """Update the row of an offer whose signature was read, and add it if the user chose it."""
        item = self._rows.get(offer.path)
        if item is None:
            return
        self._mark(item, offer)
        if offer == self._current:
            self._look_at(item)
        if offer == self._wanted:
            self._add_selected()

    def _mark(self, item: QListWidgetItem, offer: Offer) -> None:
        item.setToolTip(plain_tooltip(offer.reason or offer.summary))
        if offer.reason:
            item.setForeground(self.palette().placeholderText())

    def _fail(self, error: Exception) -> None:
        self._files = self._files[:-1]
        self.about.setText(str(error))

    # ------------------------------------------------------------------ what is done

    @property
    def _current(self) -> Offer | None:
        item = self.list.currentItem()
        return None if item is None else item.data(_OFFER)

    def _add_selected(self) -> None:
        """Add the current offer, once its signature is known."""
        offer = self._current
        self._wanted = offer
        if offer is None or not offer.known:
            return
        self._wanted = None
        if not offer.reason:
            self.accept()
            self.chosen.emit(offer)

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "A file with functions", "", "Python (*.py)")
        if path:
            self.add_file(path)


def _read_signature(offer: Offer) -> Offer:
    """Read the signature of an offer, which imports its module."""
    _ = offer.signature
    return offer


def _is_refused(offer: Offer) -> bool:
    return offer.known and bool(offer.reason)


def _is_imported(offer: Offer) -> bool:
    """Return whether the module is imported already, so that reading the signature is cheap."""
    return offer.path.partition(":")[0].partition(".")[0] in sys.modules


def _heading(text: str) -> QListWidgetItem:
    item = QListWidgetItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item
