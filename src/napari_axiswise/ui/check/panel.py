"""The panel that asks whether the axis changes the answer, and tells."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from ..common.plain import show_plain
from .model import CheckModel


class CheckPanel(QWidget):
    """Two buttons, what was found, and a third that shows it.

    Attributes
    ----------
    model : CheckModel
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
        self.model = CheckModel()
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
        self.render(self.model)

    def render(self, model: CheckModel) -> None:
        """Show a model."""
        self.model = model
        self.check_button.setEnabled(not model.running)
        self.cancel_button.setVisible(model.running)
        self.progress.setVisible(model.running)
        # Before the number of tasks is known, and while outputs are compared, it only says that it works.
        known = 0 < model.done < model.total
        self.progress.setRange(0, model.total if known else 0)
        self.progress.setValue(model.done if known else 0)
        self.message.setText(model.progress if model.running else model.told)
        self.show_button.setVisible(model.can_show and not model.running)
        self.grown.emit()
