"""The timeline in the dock: the picture, how far the run is, and what there is to tell of a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QSize, QTimer, Signal
from qtpy.QtGui import QHideEvent, QResizeEvent, QShowEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QHBoxLayout,
    QListWidgetItem,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...core.clock import now
from ...timeline.progress import measure_progress
from ...timeline.timeline import Timeline
from ..common.parts import Legend, dropdown, line, offer
from .colours import GRADES, STATUS, BarColours, colour_choices

if TYPE_CHECKING:
    from .canvas import TimelineCanvas

FRAME = 66
"""Milliseconds between two pictures while a run goes on."""

PART = 0.2
"""How much of the window's time pictures may take; where they take longer there are fewer of them."""

MEASURED = 0.5
"""Seconds between two measurements of how far it is."""

TRACE_HEIGHT = 130
"""Pixels of a traceback; a longer one scrolls."""


class TimelinePanel(QWidget):
    """Shows the timeline of a run while it goes on, and after it.

    Attributes
    ----------
    canvas : TimelineCanvas or None
        The picture, once the panel has been seen.
    timeline : Timeline or None
        What is shown.
    chosen : str
        The task that was chosen; empty for none.
    task_chosen : Signal
        Emitted with the value of a task that was chosen.
    again_asked : Signal
        Emitted with the value of a task that is to be run again.
    grown : Signal
        Emitted when what the panel tells needs another height.
    """

    task_chosen = Signal(str)
    again_asked = Signal(str)
    grown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.canvas: TimelineCanvas | None = None
        self.timeline: Timeline | None = None
        self.chosen = ""
        self._components: Mapping[str, tuple[str, ...]] = {}
        self._colouring: BarColours | None = None
        self._colour = STATUS
        self._ended: float | None = None
        self._measured = 0.0
        self._height = 0
        self._frames = QTimer(self)
        self._frames.setInterval(FRAME)
        self._frames.timeout.connect(self._draw)
        self._make_parts()
        self._arrange()
        self._show_colours()

    def follow(self, timeline: Timeline, components: Mapping[str, tuple[str, ...]]) -> None:
        """Show a run from its beginning on, instead of the one before.

        Parameters
        ----------
        timeline : Timeline
            Of the run; somebody else has it take events.
        components : mapping
            From component name to its values.
        """
        self.timeline, self._components, self._ended = timeline, components, None
        if self.canvas is not None:
            self.canvas.setVisible(True)
        if self.canvas is not None:
            self.canvas.point_at(None)
            self.canvas.show_all()
        self.tell("")
        self.show_task("")
        self._colouring = None
        self._show_colours()
        self._refresh()

    def end(self) -> None:
        """Take note that the run is over: nothing grows any more."""
        if self._ended is None:
            self._ended = now()
        self._refresh()

    def tell(self, text: str) -> None:
        """Tell something of a task."""
        self.told.setText(text)
        self.told.setVisible(bool(text))
        self._fit()

    def show_task(self, axis_value: str, trace: str = "", can_run_again: bool = False) -> None:
        """Show what there is to see of a task that was chosen.

        Parameters
        ----------
        axis_value : str
            Its value; empty for none.
        trace : str
            Why it failed, in full; empty where it did not.
        can_run_again : bool
            Whether it can be run again.
        """
        self.chosen = axis_value
        self.trace.setPlainText(trace)
        self.trace.setVisible(bool(trace))
        self.again_button.setVisible(bool(trace) or can_run_again)
        self.again_button.setEnabled(can_run_again)
        self._fit()

    def _make_parts(self) -> None:
        self.colour = dropdown("Colour of the bars", "What is told by the colour of a bar.")
        self.colour.activated.connect(lambda _: self._choose_colour(self.colour.currentData()))
        self.whole_button = QPushButton("Fit")
        self.whole_button.setAccessibleName("Show the whole run")
        self.whole_button.setToolTip("Show all of the run again, after the wheel has zoomed.")
        self.whole_button.clicked.connect(self._show_all)
        self.legend = Legend()
        self.progress, self.told = line("Progress"), line("The task")
        self.trace = QPlainTextEdit()
        self.trace.setAccessibleName("Traceback")
        self.trace.setReadOnly(True)
        self.trace.setTabChangesFocus(True)
        self.trace.setFixedHeight(TRACE_HEIGHT)
        self.again_button = QPushButton("Run again")
        self.again_button.setToolTip("Do this task again, once the run is over.")
        self.again_button.clicked.connect(lambda: self.again_asked.emit(self.chosen))
        for part in (self.told, self.trace, self.again_button):
            part.setVisible(False)
        self.progress.setText("A run shows here what its lanes do.")

    def _arrange(self) -> None:
        choice = QFormLayout()
        choice.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        choice.addRow("colour", self.colour)
        top = QHBoxLayout()
        top.addLayout(choice, stretch=1)
        top.addWidget(self.whole_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 4, 4)
        self._column.addLayout(top)
        for part in (self.told, self.trace, self.again_button, self.legend, self.progress):
            self._column.addWidget(part)

    def _choose_colour(self, label: str) -> None:
        self._colour = label
        self._colouring = None
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
        """Draw now, if it is seen, and as long as the run goes on."""
        if self.isVisible() and self.timeline is not None:
            self._measured = 0.0
            self._draw()
            if self._ended is None:
                self._frames.start()
        if self._ended is not None or not self.isVisible():
            self._frames.stop()

    def _draw(self) -> None:
        timeline, canvas = self.timeline, self.canvas
        # A dock that is scrolled past it pays for nothing.
        is_passed = self._ended is None and self._frames.isActive() and self.visibleRegion().isEmpty()
        if timeline is None or canvas is None or is_passed:
            return
        moment = now() if self._ended is None else self._ended
        began = now()
        is_new = self._colouring is None
        if self._colouring is None:
            self._colouring = BarColours.of(timeline, self._components, self._colour)
        bars = timeline.bars(moment)
        seconds = moment - timeline.began if self._ended is None else bars.stopped.max(initial=0.0)
        canvas.show_bars(bars, timeline.lanes, float(seconds), self._colouring)
        if is_new:
            self.legend.show_groups(self._legend())
        if moment - self._measured >= MEASURED or self._ended is not None:
            self._measured = moment
            progress = measure_progress(timeline, moment)
            self.progress.setText("\n".join(progress.told()))
            canvas.setAccessibleDescription(self.progress.text())
            self._fit()
        self._frames.setInterval(max(FRAME, round((now() - began) * 1000 / PART)))

    def _legend(self) -> list[QListWidgetItem]:
        assert self.canvas is not None
        assert self._colouring is not None
        from .canvas import BANDS, ENDINGS

        colouring, icon = self._colouring, self.canvas.icon
        entries = []
        if colouring.is_scale:
            first, last = colouring.names
            entries += [(icon(0, "rest"), f"{first} …"), (icon(GRADES - 1, "rest"), f"… {last}")]
        else:
            entries += [(icon(group, "rest"), name) for group, name in enumerate(colouring.names)]
        by_status = colouring.label == STATUS
        entries += [(icon(0, "rest"), "done")] if by_status else []
        neutral, middle = 0 if by_status else -1, GRADES // 2 if colouring.is_scale else 0
        entries += [(icon(neutral, part), "running" if part == "started" else part) for part in ENDINGS]
        # As they lie upon each other.
        entries += [(icon(middle, part), part) for part in reversed(BANDS)]
        return [QListWidgetItem(picture, name) for picture, name in entries]

    def _told(self, task: int) -> str:
        if self.timeline is None:
            return ""
        moment = now() if self._ended is None else self._ended
        return self.timeline.bar(task).told(self.timeline.axis, moment - self.timeline.began)

    def _point(self, task: int) -> None:
        self.tell("" if task < 0 else self._told(task))

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
        # Opening the dock does not pay for the import.
        from .canvas import TimelineCanvas

        self.canvas = TimelineCanvas(self)
        self.canvas.tell = self._told
        self.canvas.pointed.connect(self._point)
        self.canvas.task_chosen.connect(self._choose)
        self._column.insertWidget(1, self.canvas, stretch=1)
        self.canvas.setVisible(self.timeline is not None)
        for before, after in (
            (self.whole_button, self.canvas), (self.canvas, self.trace), (self.trace, self.again_button),
            (self.again_button, self.legend),
        ):  # fmt: skip
            QWidget.setTabOrder(before, after)

    def sizeHint(self) -> QSize:  # noqa: D102
        # Lines that wrap are as high as the width makes them, which a layout does not tell of itself.
        hint = super().sizeHint()
        return QSize(hint.width(), max(hint.height(), self._column.totalHeightForWidth(self.width())))

    def minimumSizeHint(self) -> QSize:  # noqa: D102
        # A dock that scrolls gives no more than the least.
        return QSize(super().minimumSizeHint().width(), self._column.totalHeightForWidth(self.width()))

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
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange) and self.canvas is not None:
            self.canvas.recolour()
            self._colouring = None
            self._refresh()
