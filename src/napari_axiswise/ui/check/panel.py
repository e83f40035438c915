"""The check panel: whether the result depends on the axis."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..common.plain import show_plain
from .model import CheckModel


class CheckPanel(QWidget):
    """Panel that starts a check, and shows its progress and outcome.

    Attributes
    ----------
    model : CheckModel
        The state on screen.
    check_requested, cancel_requested, show_requested : Signal
        Emitted when the user starts a check, cancels it, or asks to see the difference.
    grown : Signal
        Emitted when the contents change and may need more room.
    """

    check_requested = Signal()
    cancel_requested = Signal()
    show_requested = Signal()
    grown = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = CheckModel()
        self.check_button = QPushButton("Check the axis")
        self.check_button.setToolTip(
            "Test whether the result depends on the axis: run a sample by each axis and compare."
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
            "Add both results and their difference as layers, at the plane that differs most."
        )
        self.check_button.clicked.connect(self.check_requested)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.show_button.clicked.connect(self.show_requested)
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
        self.render(self.model)

    def render(self, model: CheckModel) -> None:
        """Show a state."""
        self.model = model
        self.check_button.setEnabled(not model.running)
        self.cancel_button.setVisible(model.running)
        self.progress.setVisible(model.running)
        # The bar is indeterminate until the number of tasks is known, and during the comparison.
        is_counting = 0 < model.done < model.total
        self.progress.setRange(0, model.total if is_counting else 0)
        self.progress.setValue(model.done if is_counting else 0)
        self.message.setText(model.progress if model.running else model.message)
        self.show_button.setVisible(model.can_show and not model.running)
        self.grown.emit()
