"""How the parts of the widget are arranged in a dock."""

from __future__ import annotations

from collections.abc import Sequence

from magicgui.widgets import Container
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFormLayout, QHBoxLayout, QSizePolicy, QWidget

LIST_HEIGHT = 72
"""Pixels of the lists of components and values; longer ones scroll."""


def arrange(
    dock: Container,
    form: Sequence[ValueWidget],
    lists: Sequence[ValueWidget],
    labels: Sequence[ValueWidget],
    rows: Sequence[Sequence[ValueWidget] | QWidget],
) -> QFormLayout:
    """Put the parts of a dock below each other, and return the layout of its form.

    Parameters
    ----------
    dock : Container
        Whose native widget gets everything.
    form : sequence of widgets
        What is chosen, each with its label beside it.
    lists : sequence of widgets
        Those of the form that are lists.
    labels : sequence of widgets
        Texts, which wrap.
    rows : sequence
        What comes below the form: widgets beside each other, or a native widget. The last takes what is left.
    """
    layout = QFormLayout()
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for part in form:
        layout.addRow("" if part in labels else part.label, part.native)
        if part in lists:
            part.native.setFixedHeight(LIST_HEIGHT)
        elif part not in labels:
            # A long name must not make the dock wider.
            part.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    for label in labels:
        label.native.setWordWrap(True)
        label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        label.native.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    whole = dock.native.layout()
    whole.addLayout(layout)
    for row in rows:
        if isinstance(row, QWidget):
            whole.addWidget(row)
            continue
        beside = QHBoxLayout()
        for part in row:
            beside.addWidget(part.native)
        whole.addLayout(beside)
    whole.setStretch(whole.count() - 1, 1)
    return layout
