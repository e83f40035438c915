"""Steps and pipelines: what is filled in, what is refused, and that they reach a worker by value."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from napari_axiswise import Pipeline, Step
from napari_axiswise.functions import gaussian, label_objects, measure_regions, otsu_threshold
from napari_axiswise.pipeline.step import RAW

if TYPE_CHECKING:
    import napari.types
    from napari.types import ImageData, LabelsData, PointsData
    from numpy.typing import NDArray

COMPONENTS = {"well": ("B02", "B03"), "site": ("1", "2"), "channel": ("1", "2"), "timepoint": ("1", "2", "3")}


def same(image: Any) -> Any:
    return image


def two(first: Any, second: Any) -> Any:
    return first


def scaled(image: Any, factor: float = 1.0) -> Any:
    return image * factor


class Threshold:
    """A callable that is no function."""

    def __call__(self, image: Any) -> Any:
        return image > 0


@dataclass(frozen=True)
class Named:
    function: Any
    name: str


NAMES = (
    Named(same, "same"),
    Named(gaussian, "gaussian"),
    Named(ndimage.gaussian_filter, "gaussian_filter"),
    Named(np.sqrt, "sqrt"),
    Named(lambda image: image, "lambda"),
    Named(Threshold(), "Threshold"),
    Named(partial(gaussian, sigma=2), "gaussian"),
    Named({"1": same, "2": scaled}, "routed"),
)


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case.name)
def test_a_step_without_a_name_is_called_like_its_function(case: Named) -> None:
    assert Step(case.function).name == case.name
    assert Step(case.function, name="mine").name == "mine"


def to_image(image: Any) -> ImageData: ...
def to_labels(image: Any) -> LabelsData: ...
def to_labels_by_module(image: Any) -> napari.types.LabelsData: ...
def to_labels_in_quotes(image: Any) -> "napari.types.LabelsData": ...  # noqa: UP037
def to_points(image: Any) -> PointsData: ...
def to_frame(image: Any) -> pd.DataFrame: ...
def to_dict(image: Any) -> dict[str, Any]: ...
def to_list(image: Any) -> list[dict[str, Any]]: ...
def to_array(image: Any) -> NDArray[np.int32]: ...
def to_anything(image): ...  # type: ignore[no-untyped-def]


KINDS = (
    (to_image, "image"),
    (to_labels, "labels"),
    (to_labels_by_module, "labels"),
    (to_labels_in_quotes, "labels"),
    (to_points, "points"),
    (to_frame, "table"),
    (to_dict, "table"),
    (to_list, "table"),
    (to_array, "image"),
    (to_anything, "image"),
    (measure_regions, "table"),
    (np.sqrt, "image"),
    (partial(to_labels), "labels"),
)


@pytest.mark.parametrize(("function", "kind"), KINDS, ids=lambda value: getattr(value, "__name__", None))
def test_what_a_step_makes_is_read_from_the_annotation_of_its_function(
    function: Callable[..., Any], kind: str
) -> None:
    assert Step(function).kind == Step(function).output == kind
    assert Step(function, output="points").kind == "points"


@pytest.mark.parametrize(("alias", "kind"), [("LabelsData", "labels"), ("PointsData", "points")])
def test_an_annotation_that_is_an_object_is_read_as_well(alias: str, kind: str) -> None:
    types = pytest.importorskip("napari.types")

    def function(image: Any) -> Any: ...

    function.__annotations__["return"] = getattr(types, alias)
    assert Step(function).kind == kind


def test_what_is_left_out_is_filled_in() -> None:
    pipeline = Pipeline(
        [
            Step(gaussian),
            Step(otsu_threshold),
            Step(label_objects, output="labels"),
            Step(measure_regions, inputs=("label_objects", "raw")),
            Step(scaled, {"factor": 2}, inputs="gaussian"),
        ]
    )
    names = ("gaussian", "otsu_threshold", "label_objects", "measure_regions", "scaled")
    assert tuple(step.name for step in pipeline) == names
    assert len(pipeline) == 5
    assert [step.inputs for step in pipeline] == [
        (RAW,),
        ("gaussian",),
        ("otsu_threshold",),
        ("label_objects", RAW),
        ("gaussian",),
    ]
    assert [step.kind for step in pipeline] == ["image", "image", "labels", "table", "image"]
    assert [step.keep for step in pipeline] == [False, False, True, True, True]
    assert pipeline.kept == (pipeline["label_objects"], pipeline["measure_regions"], pipeline["scaled"])
    assert repr(pipeline) == f"Pipeline({' → '.join(names)})"


def test_what_is_given_is_kept() -> None:
    pipeline = Pipeline([Step(same, name="a", keep=True), Step(same, output="labels", keep=False)])
    assert [step.keep for step in pipeline] == [True, False]
    assert pipeline.kept == (pipeline["a"],)


def test_steps_without_a_name_that_would_be_called_the_same_are_numbered() -> None:
    pipeline = Pipeline([Step(same), Step(same), Step(scaled), Step(same)])
    assert [step.name for step in pipeline] == ["same", "same 2", "scaled", "same 3"]
    assert [step.inputs for step in pipeline] == [("raw",), ("same",), ("same 2",), ("scaled",)]


def test_an_unknown_step_is_an_error_that_lists_the_steps() -> None:
    with pytest.raises(KeyError, match=r"'nuclei'.*'same' and 'scaled'"):
        Pipeline([Step(same), Step(scaled)])["nuclei"]


def test_a_step_and_a_pipeline_are_frozen() -> None:
    step = Step(same, name="a")
    pipeline = Pipeline([step])
    with pytest.raises(FrozenInstanceError):
        step.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot be changed"):
        pipeline.steps = ()
    with pytest.raises(AttributeError, match="cannot be changed"):
        pipeline.other = 1  # type: ignore[attr-defined]
    assert isinstance(pipeline.steps, tuple)


def test_changing_the_dict_of_params_afterwards_changes_no_step() -> None:
    params = {"factor": 2}
    step = Step(scaled, params)
    params["factor"] = 3
    assert step.route(None) == (scaled, {"factor": 2})


def test_a_text_stands_for_one_name() -> None:
    step = Step(same, inputs="raw", variable="site")
    assert (step.inputs, step.variable) == (("raw",), ("site",))
    assert Step(same, variable=[]).variable == ()


def test_a_mapping_of_functions_routes_by_value() -> None:
    step = Step({"1": same, 2: (scaled, {"factor": 3}), "*": scaled}, {"factor": 2}, group_by="channel")
    assert step.route("1") == (same, {"factor": 2})
    assert step.route("2") == (scaled, {"factor": 3})
    assert step.route("17") == (scaled, {"factor": 2})
    assert step.route(None) == (scaled, {"factor": 2})


def test_one_function_is_for_every_value() -> None:
    step = Step(scaled, {"factor": 2})
    assert step.route("1") == step.route(None) == (scaled, {"factor": 2})


def test_a_value_without_route_is_an_error_that_lists_the_routes() -> None:
    step = Step({"1": same, "2": same}, name="spots", group_by="channel")
    with pytest.raises(KeyError, match=r"'spots'.*channel '3'.*'1' and '2'"):
        step.route("3")


@dataclass(frozen=True)
class Refused:
    """Steps that make no pipeline, and what the error has to say."""

    what: str
    make: Callable[[], Any]
    says: tuple[str, ...]

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


NOTHING: Any = None
NUMBER: Any = 3
MESH: Any = "mesh"

REFUSED = (
    Refused("no steps", lambda: Pipeline([]), ("at least one step",)),
    Refused("no function", lambda: Step(NOTHING), ("function", "None")),
    Refused("no function among the routes", lambda: Step({"1": same, "2": NUMBER}), ("function", "3")),
    Refused("no routes", lambda: Step({}), ("function", "{}")),
    Refused("an unknown output", lambda: Step(same, name="a", output=MESH), ("'a'", "'mesh'", "labels")),
    Refused(
        "routes that make different things",
        lambda: Step({"1": to_labels, "2": to_frame}, name="a"),
        ("'a'", "labels", "table", "output="),
    ),
    *(
        Refused(f"a step called {name!r}", lambda name=name: Step(same, name=name), (repr(name), "name"))
        for name in (RAW, "a/b", "..", "../a", ".hidden", "a\\b", "a:b", "a\0", " a", "a*")
    ),
    *(
        Refused(
            f"a step called {name!r}, which is no folder on Windows",
            lambda name=name: Step(same, name=name),
            (repr(name), "name", "system"),
        )
        for name in ("CON", "con", "Aux.tif", "nul .x", "LPT1", "com¹", "CONOUT$", "a.", "a ", "Zarr.json")
    ),
    *(
        Refused(
            f"a step called {name!r}, which cannot be read",
            lambda name=name: Step(same, name=name),
            (repr(name),),
        )
        for name in ("a\u2028b", "a\u202eb", "a\x7f", "a\udcff", "a\x1b[31m")
    ),
    *(
        Refused(
            f"steps called {one!r} and {other!r}, which some systems take for one folder",
            lambda one=one, other=other: Pipeline([Step(same, name=one), Step(scaled, name=other)]),
            (repr(other), "different name"),
        )
        for one, other in (("é", "e\u0301"), ("É", "e\u0301"), ("ß", "SS"), ("A", "a"))
    ),
    Refused(
        "two steps of one name",
        lambda: Pipeline([Step(same, name="a"), Step(scaled, name="a")]),
        ("'a'", "different name"),
    ),
    Refused(
        "an input that is no step",
        lambda: Pipeline([Step(same, name="a"), Step(same, name="b", inputs="c")]),
        ("'b'", "'c'", "'raw' or 'a'"),
    ),
    Refused(
        "an input that comes later",
        lambda: Pipeline([Step(same, name="a", inputs="b"), Step(same, name="b")]),
        ("'a'", "'b'", "'raw'"),
    ),
    Refused(
        "a step that is its own input", lambda: Pipeline([Step(same, name="a", inputs="a")]), ("'a'", "'raw'")
    ),
    Refused("no inputs", lambda: Pipeline([Step(same, name="a", inputs=())]), ("'a'", "inputs=()", "'raw'")),
    Refused(
        "a param that the function does not take",
        lambda: Pipeline([Step(scaled, {"sigma": 2}, name="a")]),
        ("'a'", "scaled", "'sigma'"),
    ),
    Refused(
        "a param of a route that its function does not take",
        lambda: Pipeline([Step({"1": same, "2": (scaled, {"sigma": 2})}, name="a")]),
        ("'a'", "scaled", "'sigma'"),
    ),
    Refused(
        "fewer inputs than the function takes",
        lambda: Pipeline([Step(two, name="a")]),
        ("'a'", "1 input", "second"),
    ),
    Refused(
        "more inputs than the function takes",
        lambda: Pipeline([Step(same, name="a", inputs=("raw", "raw"))]),
        ("'a'", "same", "2 input"),
    ),
)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_contradiction_is_an_error_that_names_the_step(case: Refused) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        case.make()
    assert all(text in str(caught.value) for text in case.says), str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["a", "a b", "nuclei-2", "Kerne_größer", "1", "a.b", "console", "com", "com10", "con_2", "e\u0301"],
)
def test_a_name_may_be_what_a_folder_may_be_called(name: str) -> None:
    assert Step(same, name=name).name == name


def test_configured_fills_in_what_steps_left_out() -> None:
    pipeline = Pipeline(
        [
            Step(same, name="a"),
            Step(same, name="b", variable=()),
            Step(same, name="c", variable=("channel",)),
            Step(same, name="d", group_by="well"),
        ]
    ).configured(("site", "timepoint"), "channel")
    assert [step.variable for step in pipeline] == [
        ("site", "timepoint"),
        (),
        ("channel",),
        ("site", "timepoint"),
    ]
    assert [step.group_by for step in pipeline] == ["channel", "channel", None, "well"]


@dataclass(frozen=True)
class Unfit:
    """A step that does not fit the data, and what the error has to say."""

    what: str
    step: Step
    says: tuple[str, ...]
    variable: tuple[str, ...] = ()
    group_by: str | None = None
    components: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: COMPONENTS)

    def __str__(self) -> str:
        return self.what.replace(" ", "-")


UNFIT = (
    Unfit(
        "it stacks the axis",
        Step(same, name="a", variable="well"),
        ("'a'", "'well'", "'site'", "'timepoint'"),
    ),
    Unfit("it stacks the axis by default", Step(same, name="a"), ("'a'", "'well'"), ("well",)),
    Unfit(
        "it stacks what is not there",
        Step(same, name="a", variable="z_index"),
        ("'a'", "'z_index'", "'channel'"),
    ),
    Unfit(
        "it groups by what is not there", Step(same, name="a", group_by="batch"), ("'a'", "'batch'", "'well'")
    ),
    Unfit(
        "it groups by what it stacks",
        Step(same, name="a", variable="site", group_by="site"),
        ("'a'", "'site'"),
    ),
    Unfit(
        "a route is missing",
        Step({"1": same}, name="a", group_by="channel"),
        ("'a'", "channel '2'", "'1'", "'*'"),
    ),
    Unfit(
        "a route is missing by default", Step({"1": same}, name="a"), ("'a'", "channel '2'"), (), "channel"
    ),
    Unfit("routes of nothing", Step({"1": same}, name="a"), ("'a'", "no group_by")),
)


@pytest.mark.parametrize("case", UNFIT, ids=str)
def test_a_step_that_does_not_fit_the_data_is_an_error_before_anything_runs(case: Unfit) -> None:
    pipeline = Pipeline([Step(same, name="first", variable=()), case.step])
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        pipeline.configured(case.variable, case.group_by).check(case.components, axis="well")
    assert all(text in str(caught.value) for text in case.says), str(caught.value)


@pytest.mark.parametrize(
    "step",
    [
        Step(same),
        Step(same, variable=("site", "timepoint"), group_by="channel"),
        Step({"1": same, "2": scaled}, group_by="channel"),
        Step({"1": same, "*": scaled}, group_by="timepoint"),
        Step({"B02": same, "B03": scaled}, group_by="well"),
        Step({"1": same, "2": same, "99": same}, group_by="site"),
    ],
    ids=lambda step: str(step.group_by),
)
def test_a_step_that_fits_the_data_is_let_through(step: Step) -> None:
    Pipeline([step]).configured((), None).check(COMPONENTS, axis="well")


def local_pipeline() -> Pipeline:
    added = 40

    def add(image: Any) -> Any:
        return image + added

    return Pipeline(
        [
            Step(lambda image: image * 2, name="doubled"),
            Step(add, name="added", output="labels"),
            Step(
                {"1": add, "*": (lambda image, by: image - by, {"by": 1})}, name="routed", group_by="channel"
            ),
        ]
    )


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pipeline_pickles_by_value_with_the_standard_pickle(protocol: int) -> None:
    pipeline = local_pipeline()
    again = pickle.loads(pickle.dumps(pipeline, protocol=protocol))
    assert type(again) is Pipeline
    for step, copy in zip(pipeline, again, strict=True):
        assert (copy.name, copy.inputs, copy.kind, copy.keep) == (
            step.name,
            step.inputs,
            step.kind,
            step.keep,
        )
    assert [step.route("1")[0](1) for step in again] == [2, 41, 41]
    function, params = again["routed"].route("2")
    assert function(1, **params) == 0


def test_a_pipeline_typed_in_one_process_runs_in_another(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.pkl"
    path.write_bytes(pickle.dumps(local_pipeline()))
    script = (
        f"import pickle; pipeline = pickle.load(open({str(path)!r}, 'rb'))\n"
        "print([step.route('1')[0](1) for step in pipeline])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[2, 41, 41]"), done.stderr


def test_a_pipeline_may_be_pickled_twice() -> None:
    once = pickle.loads(pickle.dumps(Pipeline([Step(same), Step(same), Step(lambda image: image)])))
    twice = pickle.loads(pickle.dumps(once))
    assert [step.name for step in twice] == ["same", "same 2", "lambda"]


def test_what_can_be_sent_to_a_worker_passes_the_check() -> None:
    local_pipeline().check_picklable()


@pytest.mark.parametrize("held", [threading.Lock(), (n for n in "abc")], ids=["lock", "generator"])
def test_a_step_that_cannot_be_sent_is_an_error_that_names_it_and_the_way_out(held: Any) -> None:
    pipeline = Pipeline([Step(same), Step(lambda image: (held, image), name="model")])
    with pytest.raises(ValueError, match=r"'model' cannot be sent.*inside its function.*executor='threads'"):
        pipeline.check_picklable()
    with pytest.raises(ValueError, match="'model' cannot be sent"):
        pickle.dumps(pipeline)
