"""Measurements of objects as features of a labels layer, which napari looks up by label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from .axes import LayerAxes

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

SLIDER_REST = 150
"""Milliseconds without a move after which a slider counts as at rest."""

HIDDEN = -1
"""Label of rows that napari is not to find."""


class ObjectFeatures:
    """Features of a labels layer that follow the sliders, since label 1 is another object in every plane.

    The layer has all rows, so that it can be coloured by them, but napari finds only those of the displayed plane. The
    features follow the sliders until the layer is removed from the viewer, or gets other features.

    Parameters
    ----------
    viewer : napari.Viewer
        Viewer with the layer and the sliders.
    layer : napari.layers.Labels
        The layer, whose leading axes are labelled with components.
    rows : DataFrame
        One row per object, with a column ``label`` and a column for each component.
    axes : LayerAxes
        Axes of the layers of the dataset.
    own : sequence of str
        The components of the layer's planes.
    fixed : mapping
        From components with one value in the layer to the index of that value.
    """

    def __init__(
        self,
        viewer: Viewer,
        layer: Labels,
        rows: pd.DataFrame,
        axes: LayerAxes,
        own: Sequence[str],
        fixed: Mapping[str, int],
    ) -> None:
        self._viewer = viewer
        self._layer = layer
        self._indices = partial(axes.indices_under_sliders, viewer, layer, own, fixed)
        self._labels = rows["label"].to_numpy()
        self._codes = {
            name: pd.Categorical(rows[name], categories=axes.components[name]).codes
            for name in axes.names
            if name in rows.columns
        }
        layer.features = rows.assign(index=self._found())
        self._rest = QTimer()
        self._rest.setSingleShot(True)
        self._rest.setInterval(SLIDER_REST)
        self._rest.timeout.connect(self._update)
        # napari refers to methods weakly, and nothing else refers to this object.
        self._on_other_features = lambda _: self.close()
        dims = viewer.dims.events
        self._connections: list[tuple[Any, Callable[[Any], None]]] = [
            *(
                (event, lambda _: self._rest.start())
                for event in (dims.current_step, dims.ndisplay, dims.order)
            ),
            (viewer.layers.events.removed, lambda event: self._on_removed(event.value)),
            (layer.events.features, self._on_other_features),
        ]
        for event, callback in self._connections:
            event.connect(callback)

    def close(self) -> None:
        """Leave the features as they are from now on."""
        self._rest.stop()
        for event, callback in self._connections:
            event.disconnect(callback)

    def _on_removed(self, layer: Any) -> None:
        if layer is self._layer:
            self.close()

    def _update(self) -> None:
        features, found = self._layer.features, self._found()
        if "index" not in features or len(features) != len(found):
            self.close()  # changed in place, without an event
        elif not np.array_equal(features["index"], found):
            # Columns that were added by others are kept.
            with self._layer.events.features.blocker(self._on_other_features):
                self._layer.features = features.assign(index=found)

    def _found(self) -> NDArray[Any]:
        """Return the label of each row of the displayed plane, and `HIDDEN` for all other rows."""
        indices = self._indices()
        here = np.ones(len(self._labels), dtype=bool)
        for name, codes in self._codes.items():
            if name in indices:
                here &= codes == indices[name]
        found = np.where(here, self._labels, HIDDEN)
        if not set(self._codes) <= set(indices):
            # Of several planes that are displayed at once, a label may be several objects.
            found[pd.Series(found).duplicated(keep=False)] = HIDDEN
        return found
