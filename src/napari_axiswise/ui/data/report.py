"""Report of a plate in the dock: a map, and a table of missing and unusual planes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableView, QVBoxLayout, QWidget
from superqt import QCollapsible

from ...core.text import printable
from ...core.wells import parse_well, row_name
from ...datasets.report import Report
from ..common.plain import plain_tooltip
from .plate_map import PlateMap

MOST_LINES = 40
"""Lines of the report in the tooltip."""

Row = tuple[str, str]
"""A place, and what is wrong there."""


MOST_ROWS = 1_000
"""Missing planes and issues listed in the table."""


class ReportView(QCollapsible):
    """Collapsible report: a summary line that opens to a plate map and a table of issues."""

    def __init__(self) -> None:
        super().__init__("Plate", collapsedIcon="▶")
        self._report: Report | None = None
        self.map = PlateMap()
        self.table = _ReportTable()
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.map)
        layout.addWidget(self.table)
        self.setContent(content)
        self.setDuration(0)
        self.collapse(animate=False)
        # Ignored: a long line must not widen the dock.
        self.toggleButton().setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.map.chosen.connect(self._show_well)
        self.clear()

    def clear(self) -> None:
        """Remove the report and hide the widget."""
        self._report = None
        self.setVisible(False)

    def show_report(self, report: Report) -> None:
        """Show a report."""
        self._report = report
        self.setText(summary(report))
        self.setToolTip(plain_tooltip("\n".join(islice(report.lines(), MOST_LINES))))
        shares, tips = _plate(report)
        self.map.setVisible(shares.size > 0)
        self.map.show_plate(shares, tips)
        self.table.show_rows(rows(report))
        self.setVisible(True)
        self._fit()

    def _show_well(self, row: int, column: int) -> None:
        """List the missing planes of a well in the table."""
        well = f"{row_name(row)}{column + 1:02d}"
        if self._report is not None:
            self.table.show_rows(rows(self._report, well))

    def _fit(self) -> None:
        """Resize to the content."""
        if self.isExpanded():
            self.expand(animate=False)


class _ReportTable(QTableView):
    def __init__(self) -> None:
        super().__init__()
        self._model = _Rows(self)
        self.setModel(self._model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        self.setFixedHeight(130)
        self.verticalHeader().setVisible(False)
        self.verticalHeader().setDefaultSectionSize(20)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setStretchLastSection(True)
        self.setAccessibleName("Missing and unusual planes")

    def show_rows(self, listed: Sequence[Row]) -> None:
        """Show rows of a report."""
        self._model.show_rows(listed)


class _Rows(QAbstractTableModel):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._listed: Sequence[Row] = ()

    def show_rows(self, listed: Sequence[Row]) -> None:
        """Replace the shown rows."""
        self.beginResetModel()
        self._listed = listed
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return len(self._listed)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 2

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return ("where", "what")[section]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        text = printable(self._listed[index.row()][index.column()])
        return plain_tooltip(text) if role == Qt.ItemDataRole.ToolTipRole else text


def summary(report: Report) -> str:
    """Return a one-line summary of a report."""
    missing = report.planes_of_grid - report.planes
    text = f"{missing:,} plane{'s' if missing > 1 else ''} missing" if missing else "Nothing missing"
    problems = len(report.problems)
    return f"{text}, {problems:,} issue{'s' if problems > 1 else ''}" if problems else text


def rows(report: Report, well: str | None = None) -> list[Row]:
    """Return a row for everything missing or unusual, or for the coverage of one well."""
    coverage = report.coverage
    missing = report.missing if well is None else report.missing_of(well)
    several = [name for name, values in report.components.items() if len(values) > 1]
    coverage = coverage[coverage.index == well if well is not None else coverage["missing"] > 0]
    problems = report.problems[:MOST_ROWS] if well is None else ()
    listed = [(problem.path, problem.reason) for problem in problems]
    listed += [
        (f"{report.by} {value}", f"{found:,} of {expected:,} planes")
        for value, found, expected in zip(
            coverage.index, coverage["planes"], coverage["expected"], strict=True
        )
    ]
    columns = [missing[name].iloc[:MOST_ROWS].astype(str) for name in several]
    listed += [
        (", ".join(f"{name} {value}" for name, value in zip(several, values, strict=True)), "missing")
        for values in zip(*columns, strict=True)
    ]
    return listed


def _plate(report: Report) -> tuple[NDArray[Any], dict[tuple[int, int], str]]:
    """Return the shares and tooltips of the map; both are empty if the dataset has no wells of a plate."""
    coverage = report.coverage
    wells = list(coverage.index) if report.by == "well" else []
    places = [place for place in map(parse_well, wells) if place is not None]
    if not wells or len(places) < len(wells):
        return np.zeros((0, 0)), {}
    shares = np.full(report.matrix.shape, np.nan)
    tips = {}
    found, expected = coverage["planes"].tolist(), coverage["expected"].tolist()
    for place, well, planes, whole in zip(places, wells, found, expected, strict=True):
        shares[place] = planes / whole
        tips[place] = f"{well}: {planes:,} of {whole:,} planes"
    return shares, tips
