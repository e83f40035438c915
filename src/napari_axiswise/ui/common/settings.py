"""The settings of the plugin, in napari's preferences: what the manifest declares under ``configurations``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...executors.lanes import available_cores
from ...runs.workers import MEMORY_SHARE

PLUGIN = "napari-axiswise"

MOST_LAYERS = 16
"""Tasks up to which ``"auto"`` gives each a layer: adding layers gets slower with each one that is there."""


@dataclass(frozen=True)
class Settings:
    """What the user has set, once and for all runs.

    Parameters
    ----------
    workers : int
        How many the dock offers; 0 for one per processor.
    memory_share : float
        The part of the free memory that workers may use together.
    scratch_folder : str
        Where runs go that nobody keeps; empty for the system's temporary folder.
    most_layers : int
        Tasks up to which ``"auto"`` gives each a layer.
    start_where_left : bool
        Whether the dock opens what was open last time.
    """

    workers: int = 0
    memory_share: float = MEMORY_SHARE
    scratch_folder: str = ""
    most_layers: int = MOST_LAYERS
    start_where_left: bool = True

    @classmethod
    def current(cls) -> Settings:
        """Return what is set now; the defaults where napari does not know the plugin."""
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
        """How many workers the dock offers."""
        return self.workers or available_cores()

    @property
    def scratch(self) -> Path | None:
        """Where runs go that nobody keeps; None for the system's temporary folder."""
        return Path(self.scratch_folder).expanduser() if self.scratch_folder else None


def follow_workers(callback: Callable[[], None]) -> None:
    """Have a method called when the number of workers is set; its object is not kept alive."""
    stored = _stored()
    if stored is not None:
        stored.runs.events.workers.connect(callback)


def _stored() -> Any:
    """Return napari's own object; None where it does not know the plugin."""
    from napari.settings import get_plugin_settings

    try:
        return get_plugin_settings(PLUGIN)
    except KeyError:
        return None
