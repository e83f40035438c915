"""The settings of the plugin in napari's preferences, declared in the manifest under ``configurations``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...executors.lanes import available_cores
from ...runs.workers import MEMORY_SHARE

PLUGIN = "napari-axiswise"

MOST_LAYERS = 16
"""Up to this many tasks, ``"auto"`` gives each its own layers: napari gets slower with every layer."""


@dataclass(frozen=True)
class Settings:
    """The settings of the user.

    Parameters
    ----------
    workers : int
        The number of workers in the dock; 0 for one per processor.
    memory_share : float
        The share of the free memory that the workers may use together.
    scratch_folder : str
        Where temporary folders are made; empty for the system's temporary folder.
    most_layers : int
        Up to this many tasks, ``"auto"`` gives each its own layers.
    start_where_left : bool
        Whether the dock restores the choices of the last session.
    """

    workers: int = 0
    memory_share: float = MEMORY_SHARE
    scratch_folder: str = ""
    most_layers: int = MOST_LAYERS
    start_where_left: bool = True

    @classmethod
    def current(cls) -> Settings:
        """Return the current settings, or the defaults if napari does not know the plugin."""
        stored = _stored()
        if stored is None:
            return cls()
        runs, window = stored.runs, stored.window
        return cls(
            runs.workers,
            runs.memory_share,
            runs.scratch_folder.strip(),
            window.most_layers,
            window.start_where_left,
        )

    @property
    def usual_workers(self) -> int:
        """The number of workers in the dock."""
        return self.workers or available_cores()

    @property
    def scratch(self) -> Path | None:
        """Where temporary folders are made; None for the system's temporary folder."""
        return Path(self.scratch_folder).expanduser() if self.scratch_folder else None


def follow_workers(callback: Callable[[], None]) -> None:
    """Call a method when the number of workers changes. Its object is not kept alive."""
    stored = _stored()
    if stored is not None:
        stored.runs.events.workers.connect(callback)


def _stored() -> Any:
    """Return napari's settings of the plugin, or None if napari does not know it."""
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None
