"""A step that depends on the axis, in the viewer: what it gave along two axes, and the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray

from ...planning.check.axis_check import AxisCheck
from ..viewer.arrays import PlaneStack
from ..viewer.axes import DATASET, LayerAxes, arrange_layers
from ..viewer.kinds import layer_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from ...runs.result import RunResult

DIVERGING = Colormap([[0.0, 0.36, 0.79], [0.97, 0.97, 0.97], [0.82, 0.37, 0.0]], name="blue-white-orange")
"""From less to more, by way of no difference: blue and orange are told apart by all eyes."""

MASK = DirectLabelColormap(color_dict={None: "transparent", 0: "transparent", 1: "magenta"})
"""Of labels that differ: it stands out from the labels beneath, on black and on white."""

FAINT = 0.4
"""Opacity of labels under the mask of their difference."""


def show_check(check: AxisCheck, viewer: Viewer | None = None, step: str | None = None) -> list[Layer]:
    """Show what a step gave along two axes, and the difference, as three layers.

    The sliders go to the plane that differs most. The layers read from the outputs of the check as they are looked at.

    Parameters
    ----------
    check : AxisCheck
        From `check_axis`.
    viewer : napari.Viewer, optional
        Left out, the current one, or a new one.
    step : str, optional
        Left out, the first that differs and made images or labels.

    Returns
    -------
    list of napari layers
        The output along the one axis, along the other, and the first minus the second; of labels, where they differ.

    Raises
    ------
    ValueError
        There is nothing to show: no step differs, or it made a table or points, or stacks the axis.
    KeyError
        No such step.
    """
    import napari

    shown = _Shown.of(check, step if step is not None else step_to_show(check))
    viewer = viewer or napari.current_viewer() or napari.Viewer()
    arrange_layers(viewer, check.dataset.source, shown.axes.names)
    layers = [viewer.add_layer(layer) for layer in shown.layers()]
    shown.go_to_most_different(viewer, layers[-1])
    return layers


def step_to_show(check: AxisCheck) -> str:
    """Return the first step that differs and whose output can be shown.

    Raises
    ------
    ValueError
        There is none. The message says why.
    """
    if not check.step:
        raise ValueError(f"There is no difference to show. {check}")
    differing = [row for row in check.rows if row.differing]
    for row in differing:
        if row.where and check.pipeline[row.step].output_kind.has_planes:
            return row.step
    if not differing:
        raise ValueError(
            f"There is no difference to show: step {check.step!r} stacks an axis, and was not run by it."
        )
    row = differing[0]
    kind = check.pipeline[row.step].output_kind
    if kind.has_planes:
        raise ValueError(f"There is no plane of step {row.step!r} that both runs have: {row.note}.")
    raise ValueError(
        f"There is nothing to show of step {row.step!r}, which made {kind.phrase}: look at check.differences."
    )


@dataclass(frozen=True, eq=False)
class _Shown:
    """A step, a pair of runs of it, and the places of their planes among those of the whole dataset."""

    check: AxisCheck
    step: str
    axis: str
    other_axis: str
    axes: LayerAxes
    most_different: Mapping[str, str]
    largest: float

    @classmethod
    def of(cls, check: AxisCheck, step: str) -> _Shown:
        """Return what is to be shown of a step.

        Raises
        ------
        ValueError
            It made no planes, or its planes along the one axis are not over the same components as along the other.
        """
        row = check.pair(step)
        kind = check.pipeline[step].output_kind
        if not kind.has_planes:
            raise ValueError(f"Step {step!r} made {kind.phrase}, not planes: look at check.differences.")
        outputs = [run.store.steps[step] for run in check.pair_of_results(row.axis, row.other_axis)]
        if not all(output.arrays for output in outputs) or outputs[0].grid.names != outputs[1].grid.names:
            raise ValueError(f"Step {step!r} has no planes that can be compared: {row.note}.")
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
        told = f"{self.step}: difference"
        limits = _limits([output.limits for output in outputs])
        opacity = {} if kind.has_intensities else {"opacity": FAINT}
        made = [
            kind_layer.make(stack, limits, name=name, **common, **opacity)
            for stack, name in zip(stacks, names, strict=True)
        ]
        if not kind.has_intensities:
            return [*made, Labels(difference, name=told, colormap=MASK, opacity=1.0, **common)]
        most = self.largest if np.isfinite(self.largest) and self.largest > 0 else 1.0
        return [
            *made,
            Image(difference, name=told, contrast_limits=(-most, most), colormap=DIVERGING, **common),
        ]

    def go_to_most_different(self, viewer: Viewer, layer: Layer) -> None:
        """Take the sliders to the plane in which most pixels differ."""
        shown = viewer.dims.ndim - layer.ndim
        for place, name in enumerate(self.axes.names):
            if name in self.most_different:
                index = self.axes.components[name].index(self.most_different[name])
                viewer.dims.set_point(place + shown, index * layer.scale[place])

    @property
    def _own(self) -> tuple[str, ...]:
        """The components that the planes have."""
        return self._results[0].store.steps[self.step].grid.names

    @property
    def _results(self) -> tuple[Any, Any]:
        return self.check.pair_of_results(self.axis, self.other_axis)

    @property
    def _spans(self) -> dict[str, tuple[int, int]]:
        """For each axis of the layers that the planes have, the first and last place of the sample's values."""
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
        known = {DATASET: self.check.dataset.source}
        return {**metadata, "translate": tuple(translate), "metadata": known}

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
                # Planes that differ in shape have no difference that could be shown.
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
    """Return contrast limits that suit all."""
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    if not np.isfinite([low, high]).all():
        return 0.0, 1.0
    return low, high if high > low else low + 1.0
