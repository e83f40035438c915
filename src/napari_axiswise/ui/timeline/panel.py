"""The timeline panel: the bars, the progress of the run, and details of the chosen task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QTimer, Signal
from qtpy.QtGui import QHideEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from ...core.clock import now
from ...timeline.progress import measure_progress
from ...timeline.timeline import Timeline
from ..common.column import ColumnPanel
from ..common.parts import Legend, dropdown, line, offer
from ..common.theme import is_theme_change
from .colours import GRADES, STATUS, BarColours, colour_choices

if TYPE_CHECKING:
    from .canvas import TimelineCanvas

FRAME_INTERVAL = 66
"""Milliseconds between two frames during a run."""

MAX_LOAD = 0.2
"""Share of the GUI thread's time that drawing may take; slower frames are drawn less often."""

PROGRESS_INTERVAL = 0.5
"""Seconds between two updates of the progress text."""

TRACE_HEIGHT = 130
"""Height of the traceback in pixels; a longer one scrolls."""


class TimelinePanel(ColumnPanel):
    """Panel with the timeline of a run, during the run and after it.

    Attributes
    ----------
    canvas : TimelineCanvas or None
        The bars; None until the panel is first shown.
    timeline : Timeline or None
        The timeline on the canvas.
    chosen : str
        The axis value of the chosen task; empty for none.
    task_chosen : Signal
        Emitted with the axis value of the chosen task.
    rerun_requested : Signal
        Emitted with the axis value of a task to run again.
    grown : Signal
        Emitted when the height of the panel changes.
    """

    task_chosen = Signal(str)
    rerun_requested = Signal(str)
    grown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas: TimelineCanvas | None = None
        self.timeline: Timeline | None = None
        self.chosen = ""
        self._components: Mapping[str, tuple[str, ...]] = {}
        self._colours: BarColours | None = None
        self._colour = STATUS
        self._ended: float | None = None
        self._measured = 0.0
        self._height = 0
        self._frames = QTimer(self)
        self._frames.setInterval(FRAME_INTERVAL)
        self._frames.timeout.connect(self._draw)
        self._make_parts()
        self._arrange()
        self._show_colours()

    def follow(self, timeline: Timeline, components: Mapping[str, tuple[str, ...]]) -> None:
        """Show a run from its start instead of the previous one.

        Parameters
        ----------
        timeline : Timeline
            Timeline of the run, which the controller updates.
        components : mapping
            From component name to its values.
        """
        self.timeline, self._components, self._ended = timeline, components, None
        if self.canvas is not None:
            self.canvas.setVisible(True)
            self.canvas.point_at(None)
            self.canvas.show_all()
        self.show_text("")
        self.show_task("")
        self._colours = None
        self._show_colours()
        self._refresh()

    def finish(self) -> None:
        """Stop the clock of the timeline, since the run is over."""
        if self._ended is None:
            self._ended = now()
        self._refresh()

    def show_text(self, text: str) -> None:
        """Show a description of a task; empty hides it."""
        self.description.setText(text)
        self.description.setVisible(bool(text))
        self._fit()

    def show_task(self, axis_value: str, trace: str = "", can_run_again: bool = False) -> None:
        """Show the error of the chosen task, and offer to run it again.

        Parameters
        ----------
        axis_value : str
            The axis value of the task; empty for none.
        trace : str
            The error with its traceback; empty if the task did not fail.
        can_run_again : bool
            Whether the task can be run again.
        """
        self.chosen = axis_value
        self.trace.setPlainText(trace)
        self.trace.setVisible(bool(trace))
        self.again_button.setVisible(bool(trace) or can_run_again)
        self.again_button.setEnabled(can_run_again)
        self._fit()

    def _make_parts(self) -> None:
        self.colour = dropdown("Colour of the bars", "Colour the bars by task status or by a component.")
        self.colour.activated.connect(lambda _: self._choose_colour(self.colour.currentData()))
        self.whole_button = QPushButton("Fit")
        self.whole_button.setAccessibleName("Show the whole run")
        self.whole_button.setToolTip("Undo zooming and show the whole run.")
        self.whole_button.clicked.connect(self._show_all)
        self.legend = Legend()
        self.progress, self.description = line("Progress"), line("Selected task")
        self.trace = QPlainTextEdit()
        self.trace.setAccessibleName("Traceback")
        self.trace.setReadOnly(True)
        self.trace.setTabChangesFocus(True)
        self.trace.setFixedHeight(TRACE_HEIGHT)
        self.again_button = QPushButton("Run again")
        self.again_button.setToolTip("Rerun this task. Available once the run is over.")
        self.again_button.clicked.connect(lambda: self.rerun_requested.emit(self.chosen))
        for part in (self.description, self.trace, self.again_button):
            part.setVisible(False)
        self.progress.setText("Start a run to see what each worker does.")

    def _arrange(self) -> None:
        choice = QFormLayout()
        choice.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        choice.addRow("colour", self.colour)
        top = QHBoxLayout()
        top.addLayout(choice, stretch=1)
        top.addWidget(self.whole_button)

        self._column.addLayout(top)
        for part in (self.description, self.trace, self.again_button, self.legend, self.progress):
            self._column.addWidget(part)

    def _choose_colour(self, label: str) -> None:
        self._colour = label
        self._colours = None
        self._refresh()

    def _show_colours(self) -> None:
        choices = colour_choices(self.timeline, self._components)
        if self._colour not in [data for _, data in choices]:
            self._colour = STATUS
        offer(self.colour, choices, self._colour)

    def _show_all(self) -> None:
        if self.canvas is not None:
            self.canvas.show_all()
        self._refresh()

    def _refresh(self) -> None:
        """Draw now, and again until the run is over, if the panel is visible."""
        if self.isVisible() and self.timeline is not None:
            self._measured = 0.0
            self._draw()
            if self._ended is None:
                self._frames.start()
        if self._ended is not None or not self.isVisible():
            self._frames.stop()

    def _draw(self) -> None:
        timeline, canvas = self.timeline, self.canvas
        # Nothing is drawn while the panel is scrolled out of sight.
        is_hidden = self._ended is None and self._frames.isActive() and self.visibleRegion().isEmpty()
        if timeline is None or canvas is None or is_hidden:
            return
        moment = now() if self._ended is None else self._ended
        began = now()
        is_new = self._colours is None
        if self._colours is None:
            self._colours = BarColours.of(timeline, self._components, self._colour)
        bars = timeline.bars(moment)
        seconds = moment - timeline.began if self._ended is None else bars.stopped.max(initial=0.0)
        canvas.show_bars(bars, timeline.lanes, float(seconds), self._colours)
        if is_new:
            self.legend.show_groups(self._legend())
        if moment - self._measured >= PROGRESS_INTERVAL or self._ended is not None:
            self._measured = moment
            progress = measure_progress(timeline, moment)
            self.progress.setText("\n".join(progress.summary()))
            canvas.setAccessibleDescription(self.progress.text())
            self._fit()
        self._frames.setInterval(max(FRAME_INTERVAL, round((now() - began) * 1000 / MAX_LOAD)))

    def _legend(self) -> list[QListWidgetItem]:
        assert self.canvas is not None
        assert self._colours is not None
        from .canvas import BANDS, ENDINGS

        colours, icon = self._colours, self.canvas.icon
        entries = []
        if colours.is_scale:
            first, last = colours.names
            entries += [(icon(0, "rest"), f"{first} …"), (icon(GRADES - 1, "rest"), f"… {last}")]
        else:
            entries += [(icon(group, "rest"), name) for group, name in enumerate(colours.names)]
        by_status = colours.label == STATUS
        entries += [(icon(0, "rest"), "done")] if by_status else []
        neutral, middle = 0 if by_status else -1, GRADES // 2 if colours.is_scale else 0
        entries += [(icon(neutral, part), "running" if part == "started" else part) for part in ENDINGS]
        # In the order in which the bands are stacked.
        entries += [(icon(middle, part), part) for part in reversed(BANDS)]
        return [QListWidgetItem(picture, name) for picture, name in entries]

    def _describe(self, task: int) -> str:
        if self.timeline is None:
            return ""
        moment = now() if self._ended is None else self._ended
        return self.timeline.bar(task).summary(self.timeline.axis, moment - self.timeline.began)

    def _point(self, task: int) -> None:
        self.show_text("" if task < 0 else self._describe(task))

    def _choose(self, task: int) -> None:
        if self.timeline is not None:
            self.task_chosen.emit(self.timeline.axis_values[task])

    def _fit(self) -> None:
        height = self._column.totalHeightForWidth(self.width())
        if height != self._height:
            self._height = height
            self.updateGeometry()
            self.grown.emit()

    def _make_canvas(self) -> None:
        # Imported late: pyqtgraph would slow down opening the dock.
        from .canvas import TimelineCanvas

        self.canvas = TimelineCanvas(self)
        self.canvas.describe = self._describe
        self.canvas.pointed.connect(self._point)
        self.canvas.task_chosen.connect(self._choose)
        self._column.insertWidget(1, self.canvas, stretch=1)
        self.canvas.setVisible(self.timeline is not None)
        for before, after in (
            (self.whole_button, self.canvas), (self.canvas, self.trace), (self.trace, self.again_button),
            (self.again_button, self.legend),
        ):  # fmt: skip
            QWidget.setTabOrder(before, after)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: D102
        super().resizeEvent(event)
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: D102
        super().showEvent(event)
        if self.canvas is None:
            self._make_canvas()
        self._refresh()
        self._fit()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: D102
        super().hideEvent(event)
        self._frames.stop()

    def changeEvent(self, event: QEvent) -> None:  # noqa: D102
        super().changeEvent(event)
        if is_theme_change(event) and self.canvas is not None:
            self.canvas.recolour()
            self._colours = None
            self._refresh()
