"""Functions that were written for napari, called with arrays: in a worker, without a widget, and without Qt."""

from __future__ import annotations

import importlib
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from skimage.measure import regionprops_table

from napari_axiswise import Pipeline, Recipe, Step, open_dataset, run
from napari_axiswise.core.kinds import KINDS
from napari_axiswise.pipeline.calling import call_function, plain_function, unwrapped
from napari_axiswise.pipeline.code.fingerprints import fingerprint
from napari_axiswise.pipeline.code.pickling import dumps_each
from napari_axiswise.pipeline.names import function_path, load_function
from napari_axiswise.pipeline.signatures import read_signature
from napari_axiswise.pipeline.unit_info import UnitInfo, asked_information

PLUGIN = """
import sys
from enum import Enum
from functools import partial
from typing import List

from magicgui import magic_factory
from napari.layers import Image, Labels, Layer, Points
from napari.types import ImageData, LabelsData, LayerDataTuple, PointsData

LIMIT = 100


class Side(Enum):
    # Like those of some plugins: a copy of a value is none of its values.
    ABOVE = partial(lambda image, limit: image > limit)
    BELOW = partial(lambda image, limit: image < limit)


def by_side(image: ImageData, side: Side) -> LabelsData:
    return side.value(image, LIMIT)


def on_data(image: ImageData, limit: int = LIMIT) -> LabelsData:
    return image > limit


@magic_factory(limit={"min": 0, "max": 255})
def factory(image: Image, limit: int = 100) -> LayerDataTuple:
    return image.data > limit, {"name": f"{image.name} mask"}, "labels"


def to_layer(image: "Image", mask: "Labels") -> Labels:
    return Labels(mask.data * (image.data > 50), name="both")


def any_layer(layer: Layer) -> "ImageData":
    return layer.data + 1


def several(image: ImageData) -> List[LayerDataTuple]:
    return [(image, {}, "image"), ([[1.0, 2.0]], {"size": 3}, "Points")]


def from_points(points: Points, image: Image) -> "napari.types.LabelsData":
    mask = image.data * 0
    mask[tuple(points.data.astype(int).T)] = 1
    return mask


def what_is_imported(image: ImageData) -> dict:
    return {name: [name in sys.modules] for name in ("napari", "qtpy", "PyQt6.QtWidgets")}
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module such as plugins have, which other processes can import."""
    (tmp_path / "my_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("my_plugin")
    del sys.modules["my_plugin"]


IMAGE = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


@dataclass(frozen=True)
class Called:
    name: str
    kind: str
    inputs: tuple[Any, ...]
    result: Any


CALLED = (
    Called("on_data", "labels", (IMAGE,), IMAGE > 100),
    Called("factory", "labels", (IMAGE,), IMAGE > 100),
    Called("to_layer", "labels", (IMAGE, (IMAGE > 100).astype(int)), IMAGE > 100),
    Called("any_layer", "image", (IMAGE,), IMAGE + 1),
    Called("several", "image", (IMAGE,), IMAGE),
    Called("several", "points", (IMAGE,), [[1.0, 2.0]]),
    Called("from_points", "labels", (np.array([[1.0, 2.0]]), IMAGE), (IMAGE == 120).astype(int)),
)


@pytest.mark.parametrize("case", CALLED, ids=lambda case: f"{case.name} {case.kind}")
def test_layers_go_in_and_arrays_come_out(case: Called, plugin: ModuleType) -> None:
    step = Step(getattr(plugin, case.name), output=case.kind)
    function, params = step.route(None)
    np.testing.assert_array_equal(
        call_function(function, case.inputs, params, step.output_kind, UnitInfo({})), case.result
    )


def test_a_step_knows_what_such_a_function_gives(plugin: ModuleType) -> None:
    kinds = {
        name: Step(getattr(plugin, name)).kind for name in ("on_data", "factory", "to_layer", "any_layer")
    }
    assert kinds == {"on_data": "labels", "factory": "labels", "to_layer": "labels", "any_layer": "image"}
    assert Step(plugin.factory).name == "factory"
    with pytest.raises(
        ValueError, match=r"cannot call factory\(image: .*unexpected keyword argument 'sigma'"
    ):
        Pipeline([Step(plugin.factory, {"sigma": 1})])


@pytest.mark.parametrize("executor", ["serial", pytest.param("processes", marks=pytest.mark.slow)])
def test_they_run_over_a_plate(executor: str, plugin: ModuleType, plate: Path) -> None:
    dataset = open_dataset(plate)
    pipeline = Pipeline(
        [
            Step(
                {"1": plugin.factory, "*": (plugin.factory, {"limit": 50})}, group_by="channel", name="mask"
            ),
            Step(plugin.to_layer, inputs=("raw", "mask"), name="both"),
            Step(plugin.what_is_imported, inputs="raw"),
        ]
    )
    result = run(dataset, pipeline, axis="well", executor=executor, workers=1)
    assert not result.failures
    first = {name: values[0] for name, values in dataset.components.items()}
    raw = dataset.read(**first)
    np.testing.assert_array_equal(result.read("mask", **first), raw > 100)
    np.testing.assert_array_equal(result.read("both", **first), (raw > 100) & (raw > 50))
    if executor == "processes":
        assert result.table["napari"].all(), "it was asked for"
        assert not result.table[["qtpy", "PyQt6.QtWidgets"]].any(axis=None), "Qt was not"


def test_they_have_names_recipes_and_fingerprints(plugin: ModuleType, plate: Path, tmp_path: Path) -> None:
    step = Step(plugin.factory, {"limit": 5})
    assert function_path(step.function) == "my_plugin:factory"
    assert load_function("my_plugin:factory", tmp_path) is plugin.factory
    assert step.function is plain_function(plugin.factory)
    assert read_signature(step.function) == read_signature(plugin.factory), "with the ranges of its form"
    assert read_signature(step.function).parameters[0].options == {"min": 0, "max": 255}
    assert fingerprint(step.function) != fingerprint(plugin.on_data)

    recipe = Recipe.of(open_dataset(plate), Pipeline([step]), "well").write(tmp_path / "recipe.toml")
    (again,) = Recipe.read(recipe).pipeline
    assert (again.function, again.params, again.kind) == (step.function, {"limit": 5}, "labels")

    assert len(dumps_each([step])) < 1000, "by name"
    (loaded,) = pickle.loads(pickle.dumps(Pipeline([step])))
    assert loaded.function is step.function


def test_members_of_an_enum_travel_and_are_written_by_name(
    plugin: ModuleType, plate: Path, tmp_path: Path
) -> None:
    above, below = (Pipeline([Step(plugin.by_side, {"side": side})]) for side in plugin.Side)
    (loaded,) = pickle.loads(pickle.dumps(below))
    assert loaded.params == {"side": plugin.Side.BELOW}
    np.testing.assert_array_equal(loaded.function(IMAGE, **loaded.params), IMAGE < 100)
    assert fingerprint(plugin.Side.ABOVE) != fingerprint(plugin.Side.BELOW)

    path = Recipe.of(open_dataset(plate), above, "well").write(tmp_path / "recipe.toml")
    assert 'side = "ABOVE"' in path.read_text()
    assert Recipe.read(path).pipeline.steps[0].params == {"side": plugin.Side.ABOVE}
    path.write_text(path.read_text().replace("ABOVE", "BESIDE"))
    with pytest.raises(ValueError, match="side = 'BESIDE' has to be one of 'ABOVE', 'BELOW'"):
        Recipe.read(path)


def test_a_factory_typed_into_a_console_travels_by_value() -> None:
    from magicgui import magic_factory

    @magic_factory
    def brighter(image: np.ndarray, by: int = 1) -> np.ndarray:
        return image + by

    (step,) = pickle.loads(pickle.dumps(Pipeline([Step(brighter, {"by": 2})])))
    np.testing.assert_array_equal(step.function(IMAGE, **step.params), IMAGE + 2)


def test_a_widget_is_the_function_beneath(qtbot: Any) -> None:
    from magicgui import magicgui

    def brighter(by: int = 1) -> int:
        return by

    assert Step(magicgui(brighter)).function is brighter


NOT_LAYERS = (
    IMAGE,
    pd.DataFrame({"area": [1]}),
    {"area": [1, 2]},
    [{"area": 1}, {"area": 2}],
    [[1.0, 2.0], [3.0, 4.0]],
    (np.zeros(2), np.ones(2)),
    (1.0, {"area": 2}, "no layer"),
    [],
    None,
)


@pytest.mark.parametrize("returned", NOT_LAYERS, ids=lambda value: str(value)[:20])
def test_anything_else_comes_back_as_it_is(returned: object) -> None:
    assert unwrapped(returned, KINDS["image"]) is returned


UNWRAPPED = (
    ((IMAGE, {}, "labels"), "labels", IMAGE),
    ((IMAGE, {}), "labels", IMAGE),
    (((IMAGE,), {}, "Labels"), "labels", IMAGE),
    (([IMAGE, IMAGE[::2, ::2]], {}, "image"), "image", IMAGE),
    (([IMAGE, IMAGE], {}, "image"), "image", np.stack([IMAGE, IMAGE])),
    (([[1.0, 2.0]], {}, "points"), "points", [[1.0, 2.0]]),
)


@pytest.mark.parametrize(("returned", "kind", "data"), UNWRAPPED)
def test_of_a_tuple_for_a_layer_the_data_count(returned: object, kind: str, data: object) -> None:
    np.testing.assert_array_equal(unwrapped(returned, KINDS[kind]), data)


WRONG: dict[Callable[[], object], str] = {
    lambda: unwrapped(
        (IMAGE, {}, "labels"), KINDS["image"]
    ): "a layer of labels, and the step's output is image. Set output=",
    lambda: unwrapped(
        [(IMAGE, {}), ([], {}, "points")], KINDS["table"]
    ): "image and points, and the step's output is table",
    lambda: unwrapped(([], {}, "shapes"), KINDS["labels"]): "a layer of shapes",
}


@pytest.mark.parametrize("call", WRONG, ids=list(WRONG.values()))
def test_a_layer_of_another_kind_says_what_to_set(call: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match=re.escape(WRONG[call])):
        call()


def test_an_image_of_ones_own_is_no_layer_wherever_the_function_goes() -> None:
    names: dict[str, Any] = {"np": np, "Image": np.ndarray, "__name__": "__main__"}
    text = "from __future__ import annotations\ndef double(image: Image) -> Image:\n    return image * 2\n"
    exec(text, names)
    (step,) = pickle.loads(pickle.dumps(Pipeline([names["double"]])))
    for function in (names["double"], step.function):
        assert call_function(function, [np.ones((2, 2))], {}, KINDS["image"], UnitInfo({})).sum() == 8


def required(image: np.ndarray, *, unit, spacing):  # type: ignore[no-untyped-def]
    return image


def annotated(image: np.ndarray, *, unit: UnitInfo | None = None, spacing: Any = None) -> np.ndarray:
    return image


def of_its_own(image: np.ndarray, spacing: float = 1.0, *, unit: str = "px") -> np.ndarray:
    return image


@pytest.mark.parametrize(
    ("function", "asked"),
    [
        (required, {"unit", "spacing"}),
        (annotated, {"unit", "spacing"}),
        (of_its_own, set()),
        (np.sqrt, set()),
        (regionprops_table, set()),
    ],
)
def test_a_function_asks_by_a_keyword_only_parameter(function: Any, asked: set[str]) -> None:
    assert asked_information(function) == asked


@pytest.mark.parametrize("function", [required, annotated])
def test_forms_do_not_offer_what_a_step_fills_in(function: Any) -> None:
    signature = read_signature(function)
    assert signature.reason == ""
    assert signature.parameters == ()
    Pipeline([Step(function, inputs="raw")])


def test_a_param_comes_before_what_a_step_fills_in() -> None:
    def get(image: np.ndarray, *, spacing: Any) -> Any:
        return {"spacing": spacing}

    unit = UnitInfo({}, spacing=(0.5, 0.5))
    assert call_function(get, [np.ones((2, 2))], {}, KINDS["table"], unit) == {"spacing": (0.5, 0.5)}
    assert call_function(get, [np.ones((2, 2))], {"spacing": 3}, KINDS["table"], unit) == {"spacing": 3}
