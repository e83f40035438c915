"""Text of others is shown literally, wherever Qt could take it for HTML."""

from __future__ import annotations

from typing import Any

import pytest
from napari._qt.dialogs.qt_notification import NapariQtNotification
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_axiswise.ui.common import plain

HTML = (
    "<b>EVIL</b> <img src='pix.png' width=300>",
    "nowhere\n<img src='file:///etc/passwd'>",
    "a &lt;b&gt;",
    "<!-- x --><a href='x'>",
    "<?xml version='1.0'?>",
    "</b>",
    "a < b && c <= d: <b>",
)


@pytest.mark.parametrize("text", HTML)
@pytest.mark.parametrize("notify", [plain.notify_error, plain.notify_warning])
def test_a_notification_shows_what_looks_like_html(qtbot: Any, notify: Any, text: str) -> None:
    if notify is plain.notify_error:
        notify(ValueError(text))
    else:
        notify(text)
    record = notification_manager.records[-1]
    assert record.message.replace("\u200b", "") == f"Axiswise: {text}"
    assert not Qt.mightBeRichText(record.message)
    shown = NapariQtNotification.from_notification(record)
    qtbot.addWidget(shown)
    assert not Qt.mightBeRichText(shown.message.text())


@pytest.mark.parametrize("text", ["1 < 2", "R&D", "a <= b", "B02 failed: no nuclei", "->"])
def test_other_text_is_unchanged(text: str) -> None:
    assert plain.literal(text) == text
