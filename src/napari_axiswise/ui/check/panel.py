"""The panel that asks whether the axis changes the answer, and tells."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..common.plain import show_plain

INTRODUCTION = "Runs a sample along each possible axis, and compares what every step gives."


@dataclass(frozen=True)
class CheckForm:
    """What the panel shows.

    Parameters
    ----------
    running : bool
        Whether a check goes on.
    done, total : int
        Tasks that are over, and all that there are; 0 until that is known.
    told : str
        What was found, or went wrong.
    can_show : bool
        Whether there is a difference that layers can show.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    told: str = INTRODUCTION
    can_show: bool = False

    @property
    def progress(self) -> str:
        """How far the check is."""
        if not self.total:
            return "Starting…"
        if self.done < self.total:
            return f"{self.done} of {self.total} tasks"
        return "Comparing…"


class CheckPanel(QWidget):
    """Two buttons, what was found, and a third that shows it.

    Attributes
    ----------
    form : CheckForm
        What is shown.
    asked, cancelled, show_asked : Signal
        Emitted when the user wants the answer checked, the check stopped, the difference shown.
    grown : Signal
        Emitted when something else is shown, which may need more room.
    """

    asked = Signal()
    cancelled = Signal()
    show_asked = Signal()
    grown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form = CheckForm()
        self.check_button = QPushButton("Check the answer")
        self.check_button.setToolTip(
            "Does the answer depend on the axis? A sample is run along each, and compared."
        )
        self.cancel_button = QPushButton("Cancel")
        self.progress = QProgressBar()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        # A long name must not make the dock wider.
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.message.setSizePolicy(policy)
        show_plain(self.message)
        self.show_button = QPushButton("Show the difference")
        self.show_button.setToolTip(
            "Both results and their difference as layers, at the plane that differs most."
        )
        self.check_button.clicked.connect(self.asked)
        self.cancel_button.clicked.connect(self.cancelled)
        self.show_button.clicked.connect(self.show_asked)
        buttons = QHBoxLayout()
        buttons.addWidget(self.check_button, 1)
        buttons.addWidget(self.cancel_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(buttons)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addWidget(self.show_button)
        layout.addStretch()
        self.render_form(self.form)

    def render_form(self, form: CheckForm) -> None:
        """Show a form."""
        self.form = form
        self.check_button.setEnabled(not form.running)
        self.cancel_button.setVisible(form.running)
        self.progress.setVisible(form.running)
        # Before the number of tasks is known, and while outputs are compared, it only says that it works.
        known = 0 < form.done < form.total
        self.progress.setRange(0, form.total if known else 0)
        self.progress.setValue(form.done if known else 0)
        self.message.setText(form.progress if form.running else form.told)
        self.show_button.setVisible(form.can_show and not form.running)
        self.grown.emit()
