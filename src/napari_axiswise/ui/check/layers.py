"""Layers for a step that depends on the axis: its output by two axes, and the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray

from ...planning.check.result import AxisCheck
from ..viewer.arrays import PlaneStack
from ..viewer.axes import DATASET, LayerAxes, arrange_layers
from ..viewer.kinds import layer_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from ...runs.result import RunResult

DIVERGING = Colormap([[0.0, 0.36, 0.79], [0.97, 0.97, 0.97], [0.82, 0.37, 0.0]], name="blue-white-orange")
"""Colormap of differences: blue is negative, orange positive, which is colour-blind safe."""

MASK = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: "magenta"})
"""Colours of the mask where labels differ, visible on the labels below it, on black and on white."""

FAINT = 0.4
"""Opacity of labels below the mask."""


def show_check(check: AxisCheck, viewer: Viewer | None = None, step: str | None = None) -> list[Layer]:
    """Show a step's output by two axes, and the difference, as three layers.

    The sliders go to the plane that differs most. The layers read from the outputs of the check as they are displayed.

    Parameters
    ----------
    check : AxisCheck
        Outcome of `check_axis`.
    viewer : napari.Viewer, optional
        By default, the current viewer or a new one.
    step : str, optional
        By default, the first step with images or labels that differ.

    Returns
    -------
    list of napari layers
        The output by one axis, by the other axis, and their difference; for labels, a mask of the pixels that differ.

    Raises
    ------
    ValueError
        There is nothing to show: no step differs, or the step makes a table or points, or stacks the axis.
    KeyError
        The pipeline has no such step.
    """
    import napari

    shown = _Shown.of(check, step if step is not None else step_to_show(check))
    viewer = viewer or napari.current_viewer() or napari.Viewer()
    arrange_layers(viewer, check.dataset.source, shown.axes.names)
    layers = [viewer.add_layer(layer) for layer in shown.layers()]
    shown.go_to_most_different(viewer, layers[-1])
    return layers


def step_to_show(check: AxisCheck) -> str:
    """Return the first step that differs and has planes to show.

    Raises
    ------
    ValueError
        There is no such step; the message says why.
    """
    if not check.step:
        raise ValueError(f"There is no difference to show. {check}")
    differing = [row for row in check.rows if row.differing]
    for row in differing:
        if row.where and check.pipeline[row.step].output_kind.has_planes:
            return row.step
    if not differing:
        raise ValueError(
            f"There is no difference to show: step {check.step!r} stacks an axis and was not run by it."
        )
    row = differing[0]
    kind = check.pipeline[row.step].output_kind
    if kind.has_planes:
        raise ValueError(f"The two runs have no plane of step {row.step!r} in common: {row.note}.")
    raise ValueError(
        f"Step {row.step!r} makes {kind.phrase}, which has no layers to compare. Look at check.differences."
    )


@dataclass(frozen=True, eq=False)
class _Shown:
    """Step of a check, with a pair of its runs and their position within the whole dataset."""

    check: AxisCheck
    step: str
    axis: str
    other_axis: str
    axes: LayerAxes
    most_different: Mapping[str, str]
    largest: float

    @classmethod
    def of(cls, check: AxisCheck, step: str) -> _Shown:
        """Return the layers' data of a step.

        Raises
        ------
        ValueError
            The step makes no planes, or planes with different components by the two axes.
        """
        row = check.pair(step)
        kind = check.pipeline[step].output_kind
        if not kind.has_planes:
            raise ValueError(f"Step {step!r} makes {kind.phrase}, not planes. Look at check.differences.")
        outputs = [run.store.steps[step] for run in check.pair_of_results(row.axis, row.other_axis)]
        if not all(output.arrays for output in outputs) or outputs[0].grid.names != outputs[1].grid.names:
            raise ValueError(f"The planes of step {step!r} cannot be compared: {row.note}.")
        axes = LayerAxes.of(check.dataset)
        return cls(check, step, row.axis, row.other_axis, axes, row.where, row.largest)

    def layers(self) -> list[Layer]:
        """Return the three layers, the difference last."""
        from napari.layers import Image, Labels

        kind = self.check.pipeline[self.step].output_kind
        kind_layer = layer_of(kind)
        assert kind_layer is not None
        runs = self.check.pair_of_results(self.axis, self.other_axis)
        outputs = [run.store.steps[self.step] for run in runs]
        common = self._common()
        stacks = [
            self._stack(output.dtype, partial(_read, run, self.step))
            for output, run in zip(outputs, runs, strict=True)
        ]
        difference = self._stack(
            np.dtype(np.float32 if kind.has_intensities else np.uint8),
            lambda places: self.check.difference(self.step, self.axis, self.other_axis, **places),
        )
        again = " again" if self.axis == self.other_axis else ""
        names = (f"{self.step} by {self.axis}", f"{self.step} by {self.other_axis}{again}")
        title = f"{self.step}: difference"
        limits = _limits([output.limits for output in outputs])
        opacity = {} if kind.has_intensities else {"opacity": FAINT}
        layers = [
            kind_layer.make(stack, limits, name=name, **common, **opacity)
            for stack, name in zip(stacks, names, strict=True)
        ]
        if not kind.has_intensities:
            return [*layers, Labels(difference, name=title, colormap=MASK, opacity=1.0, **common)]
        most = self.largest if np.isfinite(self.largest) and self.largest > 0 else 1.0
        return [
            *layers,
            Image(difference, name=title, contrast_limits=(-most, most), colormap=DIVERGING, **common),
        ]

    def go_to_most_different(self, viewer: Viewer, layer: Layer) -> None:
        """Move the sliders to the plane in which most pixels differ."""
        shown = viewer.dims.ndim - layer.ndim
        for place, name in enumerate(self.axes.names):
            if name in self.most_different:
                index = self.axes.components[name].index(self.most_different[name])
                viewer.dims.set_point(place + shown, index * layer.scale[place])

    @property
    def _own(self) -> tuple[str, ...]:
        """The components of the step's planes."""
        return self._results[0].store.steps[self.step].grid.names

    @property
    def _results(self) -> tuple[Any, Any]:
        return self.check.pair_of_results(self.axis, self.other_axis)

    @property
    def _spans(self) -> dict[str, tuple[int, int]]:
        """For each component of the planes, the first and last index of the sample's values."""
        spans = {}
        for name in self.axes.names:
            if name in self._own:
                places = [
                    self.axes.components[name].index(v) for v in self._results[0].dataset.components[name]
                ]
                spans[name] = min(places), max(places)
        return spans

    def _common(self) -> dict[str, Any]:
        metadata = self.axes.metadata(self._own, {})
        translate = list(metadata["translate"])
        for place, name in enumerate(self.axes.names):
            if name in self._spans:
                translate[place] += self._spans[name][0] * metadata["scale"][place]
        source = {DATASET: self.check.dataset.source}
        return {**metadata, "translate": tuple(translate), "metadata": source}

    def _stack(self, dtype: np.dtype[Any], read: Callable[[Mapping[str, str]], NDArray[Any]]) -> PlaneStack:
        shapes = np.array([shape for run in self._results for shape in run.store.steps[self.step].shapes])
        spans = self._spans

        def plane(position: Sequence[int]) -> NDArray[Any]:
            places = {
                name: self.axes.components[name][spans[name][0] + index]
                for name, index in zip(self.axes.names, position, strict=True)
                if name in spans
            }
            try:
                return np.asarray(read(places), dtype)
            except ValueError as error:
                # Planes of different shapes have no difference to show.
                raise KeyError(str(error)) from error

        return PlaneStack(
            lengths=tuple(
                spans[name][1] - spans[name][0] + 1 if name in spans else 1 for name in self.axes.names
            ),
            plane_shape=(int(shapes[:, 0].max()), int(shapes[:, 1].max())),
            dtype=dtype,
            read=plane,
        )


def _read(run: RunResult, step: str, places: Mapping[str, str]) -> NDArray[Any]:
    return run.read(step, **places)


def _limits(limits: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return contrast limits that cover all of `limits`."""
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    if not np.isfinite([low, high]).all():
        return 0.0, 1.0
    return low, high if high > low else low + 1.0
