"""Preview of three built-in steps on a plane of 1024²: time from a change to the picture, and pauses of the window.

A change is a call of `PreviewController.follow` with another pipeline, or a move of a slider. The picture is complete
when the visible layer has the new data and a screenshot of the canvas has been taken. Hidden layers are updated
afterwards.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from time import perf_counter

import napari
import numpy as np
from qtpy.QtCore import QEventLoop
from qtpy.QtWidgets import QWidget

from benchmarks.window import OwnTime, pause, percentiles
from napari_axiswise import Dataset, Pipeline, Step, open_dataset
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate
from napari_axiswise.functions import gaussian, otsu_threshold, split_touching
from napari_axiswise.ui.data.reader import dataset_layers
from napari_axiswise.ui.preview.controller import PreviewController
from napari_axiswise.ui.preview.layers import PREVIEW
from napari_axiswise.ui.preview.workers import PreviewLanes

SIZE = 1024
TIMEPOINTS = 25
CHANGES = 24

SLOTS = (
    (PreviewController, "follow"),
    (PreviewController, "_look"),
    (PreviewController, "_show"),
    (PreviewController, "_work"),
    (PreviewLanes, "_settle"),
)


def pipeline(sigma: float = 1.0, threshold: float = 1.0, min_distance: int = 5) -> Pipeline:
    def above(image: np.ndarray) -> np.ndarray:
        """Apply `otsu_threshold` with a parameter that can be changed."""
        return otsu_threshold(image / threshold)

    return Pipeline(
        [
            Step(gaussian, {"sigma": sigma}, name="smooth"),
            Step(otsu_threshold if threshold == 1 else above, name="mask"),
            Step(split_touching, {"min_distance": min_distance}, name="nuclei", output="labels"),
        ]
    )


class Trial:
    """Window in which changes are made one after the other."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.viewer = napari.Viewer(show=True)
        for data, options, _ in dataset_layers(dataset):
            self.viewer.add_image(data, **options)
        dock = QWidget()
        self.viewer.window.add_dock_widget(dock, name="Try")
        self.control = PreviewController(self.viewer, dock)
        self.loop = QEventLoop()
        self.control._layers.step = self.watched(self.control._layers.step)
        self.changed = False
        # Emitted for every preview, even if it equals the one before.
        self.control.said.connect(lambda _: setattr(self, "changed", True))

    def watched(self, step: Callable[[], bool]) -> Callable[[], bool]:
        def watch() -> bool:
            worked = step()
            if self.changed:
                # The visible layer comes first.
                self.changed = False
                self.loop.quit()
            return worked

        return watch

    def follow(self, tried: Pipeline) -> None:
        self.control.follow(self.dataset, tried, (), None)

    def time(self, change: Callable[[], None]) -> tuple[float, float]:
        """Return the milliseconds until the visible layer has the new data, and until it is drawn."""
        started = perf_counter()
        change()
        self.loop.exec_()
        shown = perf_counter()
        self.viewer.screenshot(flash=False)
        drawn = perf_counter()
        pause(200)
        return (shown - started) * 1000, (drawn - started) * 1000


def changes(trial: Trial) -> dict[str, Iterator[Callable[[], None]]]:
    """Return the changes, each to a new value."""
    return {
        "smooth (sigma)": (lambda n=n: trial.follow(pipeline(1 + n / 100)) for n in count(1)),
        "mask (threshold)": (lambda n=n: trial.follow(pipeline(1.0, 1 + n / 100)) for n in count(1)),
        "nuclei (min_distance)": (lambda n=n: trial.follow(pipeline(1.0, 1.0, 5 + n)) for n in count(1)),
        "slider (timepoint)": (lambda n=n: trial.viewer.dims.set_current_step(0, n) for n in count(1)),
    }


def main() -> None:
    own = OwnTime(SLOTS)
    # Patch before connecting: signals keep the original slots.
    with tempfile.TemporaryDirectory() as folder, own.measure():
        plan = PlatePlan(wells=("B02",), sites=1, timepoints=TIMEPOINTS, channels=1, size=SIZE)
        trial = Trial(open_dataset(write_plate(Path(folder), plan)))
        print(f"load {os.getloadavg()[0]:.1f}")
        started = perf_counter()
        trial.follow(pipeline())
        trial.control.active = True
        trial.loop.exec_()
        print(f"first picture, including start of workers and new layers: {perf_counter() - started:.2f} s")
        pause(2000)
        layers = [layer for layer in trial.viewer.layers if PREVIEW in layer.metadata]
        assert [layer.name for layer in layers] == ["preview · smooth", "preview · mask", "preview · nuclei"]
        for name, made in changes(trial).items():
            own.calls.clear()
            times = np.array([trial.time(next(made)) for _ in range(CHANGES)])
            print(
                f"{name:22} to the layer {percentiles(times[:, 0].tolist())}; to the picture "
                f"{percentiles(times[:, 1].tolist())}; slowest of our slots {max(own.calls):.0f} ms; "
                f"load {os.getloadavg()[0]:.1f}"
            )
            trial.follow(pipeline())
            pause(1000)
        trial.viewer.close()


if __name__ == "__main__":
    main()
