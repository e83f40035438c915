"""What tests of the window share."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_axiswise.ui.common import settings
from napari_axiswise.ui.run import last_time


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Return the folder in which a test's window keeps its choices for the next time."""
    return tmp_path / "state"


@pytest.fixture(autouse=True)
def first_window(state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every window as if it were the first one on this machine, with default settings."""
    monkeypatch.setattr(last_time, "state_folder", lambda: state_folder)
    monkeypatch.setattr(settings, "_stored", lambda: None)
