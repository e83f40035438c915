"""Signatures: which functions can be steps, with what form; and of those that cannot, why."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pandas as pd
import pytest
from magicgui import magic_factory
from numpy.typing import NDArray
from skimage import filters, measure, morphology, segmentation

from napari_axiswise import functions
from napari_axiswise.pipeline.signatures import Parameter, read_signature

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Labels
    from napari.types import ImageData, LabelsData, LayerDataTuple, PointsData, ShapesData


class Border(Enum):
    KEEP = "keep"
    CUT = "cut"


def annotated_by_name(
    image: napari.types.ImageData, nuclei: LabelsData, sigma: float = 1.0
) -> PointsData: ...
def takes_layers(image: Image, nuclei: Labels, spread: int = 2) -> list[LayerDataTuple]: ...
def takes_numpy(
    image: np.ndarray, mask: NDArray[np.bool_] | None = None, *, size: int = 3
) -> NDArray[Any]: ...
def takes_table(table: pd.DataFrame) -> pd.DataFrame: ...
def says_nothing(whatever, other_image, size=3): ...
def takes_keywords(image: np.ndarray, **kwargs: Any) -> dict[str, float]: ...


def in_google_style(image, size=3, mode="same"):
    """Do something.

    Args:
        image (ndarray): A plane.
        size (float): How wide, from 0 to 10.
        mode: What is done at the borders.

    Returns:
        dict: A row.
    """


def makes_tuple(image: ImageData) -> LayerDataTuple:
    return image > 0, {"name": "mask"}, "labels"


@magic_factory(sigma={"min": 0.5, "max": 8}, method={"choices": ["otsu", "li"]})
def a_factory(image: Image, sigma: float = 2.0, method="otsu") -> LayerDataTuple:
    """Make a mask."""


@dataclass(frozen=True)
class Readable:
    function: Callable[..., Any]
    inputs: tuple[str, ...]
    output: str = "image"
    parameters: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


READABLE = (
    Readable(annotated_by_name, ("image", "nuclei"), "points", ("sigma",)),
    Readable(takes_layers, ("image", "nuclei"), "image", ("spread",)),
    Readable(takes_numpy, ("image",), "image", ("size",), ("mask",)),
    Readable(takes_table, ("table",), "table"),
    Readable(says_nothing, ("whatever", "other_image"), "image", ("size",)),
    Readable(takes_keywords, ("image",), "table"),
    Readable(in_google_style, ("image",), "table", ("size", "mode")),
    Readable(makes_tuple, ("image",), "labels"),
    Readable(a_factory, ("image",), "image", ("sigma", "method")),
    Readable(partial(annotated_by_name, sigma=3.0), ("image", "nuclei"), "points", ("sigma",)),
    Readable(functions.measure_regions, ("labels", "image"), "table", ("properties",)),
    Readable(functions.split_touching, ("mask",), "labels", ("min_distance", "min_size")),
    # Without annotations, from numpydoc.
    Readable(filters.laplace, ("image",), "image", ("ksize",), ()),
    Readable(filters.sobel, ("image",), "image", ("mode", "cval"), ("mask",)),
    Readable(measure.label, ("label_image",), "labels", ("background", "connectivity")),
    Readable(measure.regionprops_table, ("label_image",), "table", ("properties", "separator"), ("intensity_image",)),
    Readable(segmentation.watershed, ("image",), "labels", ("connectivity", "compactness"), ("markers",)),
    Readable(segmentation.random_walker, ("data", "labels"), "labels"),
    Readable(segmentation.chan_vese, ("image",), "image"),
)  # fmt: skip


@pytest.mark.parametrize("case", READABLE, ids=lambda case: getattr(case.function, "__name__", "partial"))
def test_what_a_step_can_be_made_of(case: Readable) -> None:
    signature = read_signature(case.function)
    assert signature.reason == ""
    assert signature.inputs == case.inputs
    assert signature.optional_inputs == case.optional
    assert signature.output == case.output
    names = tuple(parameter.name for parameter in signature.parameters)
    assert set(case.parameters) <= set(names)
    assert "return_num" not in names, "what changes the result is no parameter of a form"


def form(
    image: np.ndarray,
    size: Annotated[float, {"min": 0.5, "step": 0.25}] = 1.0,
    border: Border = Border.KEEP,
    mode: Literal["a", "b"] = "b",
    names: Sequence[str] = ("x",),
    folder: Path | None = None,
    key: Callable[[np.ndarray], float] | None = None,
    dtype: type = float,
    image2: np.ndarray | None = None,
) -> np.ndarray: ...


def documented(image, sigma=1, order=None, mode="reflect", spread=(1.0, 2), kernel=None, percent=50, axis=-1):
    """Smooth.

    Parameters
    ----------
    image : (M, N) ndarray
        A plane.
    sigma : scalar or sequence of scalars, optional
        How wide, in ``pixels``
        or so.

        More on this.
    order : int, optional
        Of the spline.
    mode : {'reflect', 'nearest'}, optional
        At the border.
    kernel : ndarray, optional
        What it is multiplied with.
    percent : float
        In the range [0, 100].
    axis : int or None
        Which.
    """


PARAMETERS: dict[Callable[..., Any], tuple[Parameter, ...]] = {
    form: (
        Parameter("size", float, 1.0, options={"min": 0.5, "step": 0.25}),
        Parameter("border", Border, Border.KEEP),
        Parameter("mode", Literal["a", "b"], "b", options={"choices": ("a", "b")}),
        Parameter("names", Sequence[str], ("x",)),
        Parameter("folder", Path | None, None),
    ),
    documented: (
        Parameter("sigma", float, 1, "How wide, in pixels or so."),
        Parameter("order", int | None, None, "Of the spline."),
        Parameter("mode", str, "reflect", "At the border.", {"choices": ("reflect", "nearest")}),
        Parameter("spread", tuple[float, int], (1.0, 2)),
        Parameter("percent", float, 50, "In the range [0, 100].", {"min": 0, "max": 100}),
        Parameter("axis", int | None, -1, "Which."),
    ),
    in_google_style: (
        Parameter("size", float, 3, "How wide, from 0 to 10.", {"min": 0, "max": 10}),
        Parameter("mode", str, "same", "What is done at the borders."),
    ),
    a_factory: (
        Parameter("sigma", float, 2.0, options={"min": 0.5, "max": 8}),
        Parameter("method", str, "otsu", options={"choices": ["otsu", "li"]}),
    ),
}


@pytest.mark.parametrize("function", PARAMETERS, ids=lambda function: function.__name__)
def test_a_form_has_types_defaults_help_and_ranges(function: Callable[..., Any]) -> None:
    assert read_signature(function).parameters == PARAMETERS[function]


def needs_number(image: np.ndarray, sigma: float) -> np.ndarray: ...
def needs_more(*images: np.ndarray) -> np.ndarray: ...
def shares_a_list(image: np.ndarray, sizes: list[int] = [1, 2]) -> np.ndarray: ...  # noqa: B006
def takes_viewer(viewer: napari.Viewer, image: ImageData) -> ImageData: ...
def takes_a_viewer_by_name(image: ImageData, napari_viewer) -> ImageData: ...
def draws(image: ImageData, viewer: napari.Viewer = None) -> ImageData: ...
def takes_shapes(image: ImageData, shapes: ShapesData) -> ImageData: ...
def array_after_number(image: np.ndarray, size: int, mask: np.ndarray) -> np.ndarray: ...
def keyword_array(image: np.ndarray, *, mask: np.ndarray) -> np.ndarray: ...
def takes_nothing() -> ImageData: ...
def takes_a_number(size: int = 3) -> ImageData: ...
def makes_a_widget(image: ImageData) -> QWidget: ...  # noqa: F821
def returns_nothing(image: ImageData) -> None: ...
def returns_a_number(image: ImageData) -> float: ...
def returns_shapes(image: ImageData) -> ShapesData: ...
async def later(image: ImageData) -> ImageData: ...


def one_by_one(image: ImageData) -> ImageData:
    yield image


class Widget:
    """What is a widget is told by name, as Qt is not imported for it."""

    def __init__(self, image: ImageData) -> None: ...


REFUSED: dict[Callable[..., Any], str] = {
    needs_number: "'sigma' has no default",
    needs_more: r"any number of arrays, \*args",
    shares_a_list: "'sizes' has a list as its default, which all calls share",
    takes_viewer: "'viewer' takes the viewer",
    takes_a_viewer_by_name: "'napari_viewer' takes the viewer",
    takes_shapes: "'shapes' takes a ShapesData",
    array_after_number: "'size' has no default",
    keyword_array: "'mask' takes an array and comes after",
    takes_nothing: "takes no array",
    takes_a_number: "takes no array",
    makes_a_widget: "returns a widget",
    returns_nothing: "returns nothing",
    returns_a_number: "returns a float",
    returns_shapes: "returns a ShapesData",
    later: "a coroutine",
    one_by_one: "a generator",
    Widget: "a widget of its own",
    Border: "a class",
    np.frompyfunc: "takes no array|unknown to Python",
    filters.threshold_otsu: "returns a float",
    filters.gabor: "'frequency' has no default",
    measure.marching_cubes: "returns several things, verts and faces",
    measure.find_contours: "returns a list",
    morphology.disk: "takes no array",
}


@pytest.mark.parametrize("function", REFUSED, ids=lambda function: function.__name__)
def test_what_cannot_be_a_step_says_why(function: Callable[..., Any]) -> None:
    reason = read_signature(function).reason
    assert re.search(REFUSED[function], reason), reason
    assert reason.endswith(".")


def test_a_viewer_that_is_not_needed_is_left_out() -> None:
    signature = read_signature(draws)
    assert (signature.reason, signature.inputs, signature.parameters) == ("", ("image",), ())


def test_the_scikit_image_of_everyday_can_be_steps() -> None:
    """Some that are in every tutorial: a change of their docstrings would show here."""
    daily = (
        filters.gaussian, filters.median, filters.sobel, filters.unsharp_mask, filters.threshold_local, filters.frangi,
        morphology.opening, morphology.white_tophat, morphology.skeletonize, morphology.remove_small_objects,
        segmentation.expand_labels, segmentation.clear_border, segmentation.find_boundaries, measure.label,
    )  # fmt: skip
    assert {f.__name__: read_signature(f).reason for f in daily} == {f.__name__: "" for f in daily}


def test_reading_imports_neither_napari_nor_magicgui() -> None:
    code = (
        "import sys; from napari_axiswise.pipeline.signatures import read_signature; import skimage.filters;"
        'def_ = {}; exec(\'def f(image: "napari.types.ImageData", v: "napari.Viewer" = None): ...\', def_);'
        "assert read_signature(def_['f']).inputs == ('image',);"
        "assert read_signature(skimage.filters.gaussian).reason == '';"
        "sys.exit(bool({'napari', 'qtpy', 'magicgui'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
