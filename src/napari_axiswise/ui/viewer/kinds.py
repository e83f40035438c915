"""The napari layer of each kind of step output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core.kinds import OutputKind

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Layer


class KindLayer(ABC):
    """Maker of layers for one kind of output."""

    @abstractmethod
    def make(self, data: Any, limits: tuple[float, float], **options: Any) -> Layer:
        """Return a new layer.

        Parameters
        ----------
        data : array-like
            Planes with leading axes, or what `RowsLayer.data` returned.
        limits : tuple of float
            Contrast limits, for intensities.
        **options
            Keyword arguments that all layers take.
        """


class ImageLayer(KindLayer):
    """Maker of image layers."""

    def make(self, data: Any, limits: tuple[float, float], **options: Any) -> Layer:
        """Return an image layer."""
        from napari.layers import Image

        return Image(data, contrast_limits=limits, **options)


class LabelsLayer(KindLayer):
    """Maker of labels layers."""

    def make(self, data: Any, limits: tuple[float, float], **options: Any) -> Layer:
        """Return a labels layer."""
        from napari.layers import Labels

        return Labels(data, **options)


class RowsLayer(KindLayer):
    """Maker of layers with one object per row of a table."""

    @abstractmethod
    def data(self, rows: pd.DataFrame, leading: NDArray[np.float64]) -> NDArray[Any]:
        """Return the layer data of some rows, one item per row.

        Parameters
        ----------
        rows : DataFrame
            The rows. If there are none, it may have no columns.
        leading : ndarray, shape (rows, axes)
            For each row, its index along each axis of the layer in front of Y and X.
        """


class PointsLayer(RowsLayer):
    """Maker of points layers, with open circles."""

    def data(self, rows: pd.DataFrame, leading: NDArray[np.float64]) -> NDArray[Any]:
        """Return the coordinates of points, shape (rows, axes + 2)."""
        places = rows[["y", "x"]].to_numpy(float) if len(rows) else np.zeros((0, 2))
        return np.concatenate([leading, places], axis=1)

    def make(self, data: Any, limits: tuple[float, float], **options: Any) -> Layer:
        """Return a points layer."""
        from napari.layers import Points

        return Points(data, size=8, face_color="transparent", border_color="lime", **options)


LAYERS: dict[str, KindLayer] = {"image": ImageLayer(), "labels": LabelsLayer(), "points": PointsLayer()}
"""The layers by name of kind. Kinds that are not listed have no layer."""


def layer_of(kind: OutputKind) -> KindLayer | None:
    """Return the maker of layers for a kind; None if it has no layers."""
    return LAYERS.get(kind.name)
