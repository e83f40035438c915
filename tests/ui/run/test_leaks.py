"""What a dock holds on to after many runs: the last one."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from qtpy.QtCore import QCoreApplication, QEvent

import napari_axiswise as aw
from napari_axiswise.planes import scratch
from napari_axiswise.ui.run.widget import AxiswiseWidget


def held(folder: Path) -> dict[str, int]:
    """Count what may pile up."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    return {
        "runs": sum(isinstance(item, aw.Run) for item in gc.get_objects()),
        "folders": len(list(folder.glob("napari-axiswise-*"))),
        "threads": threading.active_count(),
        "files": psutil.Process().num_fds() if hasattr(psutil.Process, "num_fds") else 0,
    }


@pytest.mark.parametrize("runs", [3, pytest.param(40, marks=pytest.mark.slow)])
def test_runs_whose_layers_are_gone_are_let_go(
    runs: int,
    qtbot: Any,
    widget: AxiswiseWidget,
    viewer: Any,
    run: Callable[..., Any],
    plate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """napari keeps the worker of each run, which kept the run and its temporary folder until napari ended."""
    monkeypatch.setattr(scratch.tempfile, "gettempdir", lambda: str(tmp_path))
    widget.open(plate)
    qtbot.waitUntil(lambda: widget.dataset is not None)
    widget.pipeline = aw.Pipeline([aw.Step(np.sqrt, name="root", keep=True)])
    widget.executor.value = "serial"
    counts = []
    for count in (2, runs):
        for _ in range(count):
            viewer.layers.clear()
            run(widget)
        counts.append(held(tmp_path))
    first, last = counts
    assert last["runs"] <= 1
    assert last["folders"] <= 1
    assert last["threads"] <= first["threads"]
    assert last["files"] <= first["files"] + 2
