"""Each window starts as the first one does, without what was set or chosen before by whoever runs the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_axiswise.ui import last_time, settings


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where choices are kept for next time."""
    folder = tmp_path / "state"
    monkeypatch.setattr(last_time, "state_folder", lambda: folder)
    return folder


@pytest.fixture(autouse=True)
def default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings are the defaults, whatever somebody has set in napari."""
    monkeypatch.setattr(settings, "_stored", lambda: None)
