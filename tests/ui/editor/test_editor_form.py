"""The state of the editor: each edit gives another state, or says why it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.functions import (
    gaussian,
    local_threshold,
    measure_regions,
    otsu_threshold,
    split_touching,
)
from napari_axiswise.ui.editor.model import RUN, EditorModel

COMPONENTS = {"well": ("B02", "B03"), "channel": ("1", "2", "3"), "z_index": ("1", "2")}


def form() -> EditorModel:
    pipeline = aw.Pipeline(
        [
            aw.Step(gaussian, {"sigma": 1.0}, name="smooth"),
            aw.Step(otsu_threshold, name="mask"),
            aw.Step(split_touching, name="nuclei", output="labels"),
        ]
    )
    return EditorModel.of(pipeline).offer(COMPONENTS, ("cells",))


def names(state: EditorModel) -> list[str]:
    return [step.name for step in state.pipeline]


def test_a_step_is_added_behind_the_one_that_is_looked_at() -> None:
    state = form().select("smooth").add(np.sqrt)
    assert names(state) == ["smooth", "sqrt", "mask", "nuclei"]
    assert state.selected == "sqrt"
    assert state.pipeline["mask"].inputs == ("sqrt",)
    assert names(state.add(np.sqrt)) == ["smooth", "sqrt", "sqrt 2", "mask", "nuclei"]


def test_a_function_of_several_arrays_gets_what_their_names_ask_for() -> None:
    state = form().select("nuclei").add(measure_regions)
    assert state.step.inputs == ("nuclei", "raw")
    assert state.step.kind == "table"
    # A table is nothing that a filter could take.
    assert state.add(gaussian).step.inputs == ("nuclei",)


def test_parameters_and_inputs_are_those_of_the_signature() -> None:
    state = form().select("smooth")
    assert [(parameter.name, value) for parameter, value in state.parameters] == [("sigma", 1.0)]
    (name, source, choices) = state.select("nuclei").inputs[0]
    assert (name, source) == ("mask", "mask")
    assert [value for _, value in choices] == ["raw", "labels/cells", "smooth", "mask"]


def test_a_route_has_parameters_of_its_own() -> None:
    state = form().select("mask").route_by("channel").set_route("2", local_threshold)
    assert state.route == "2"
    assert state.values == ["1", "3"]
    state = state.set_param("block_size", 9)
    assert state.pipeline["mask"].routes["2"] == (local_threshold, {"block_size": 9})
    assert state.pipeline["mask"].routes["*"] == (otsu_threshold, {})
    assert state.pipeline["mask"].group_by == "channel"
    back = state.route_by("")
    assert (back.step.function, back.step.params, back.step.group_by) == (
        local_threshold,
        {"block_size": 9},
        None,
    )
    assert [*state.remove_route("2").pipeline["mask"].routes] == ["*"]


@pytest.mark.parametrize(
    ("said", "variable"), [(RUN, None), ("", ()), ("z_index", ("z_index",))], ids=["run", "planes", "stack"]
)
def test_what_a_step_stacks(said: str, variable: tuple[str, ...] | None) -> None:
    assert form().set_variable("channel").set_variable(said).step.variable == variable


def test_edits_of_one_parameter_are_undone_together() -> None:
    state = form().select("smooth")
    moved = state.set_param("sigma", 2.0).set_param("sigma", 3.0)
    assert moved.undo().pipeline is state.pipeline
    assert moved.undo().redo().step.params == {"sigma": 3.0}
    assert moved.select("mask").set_keep(True).undo().step.keep is False


def needs(image: np.ndarray, model: str) -> np.ndarray:
    return image


def many(*images: np.ndarray) -> np.ndarray:
    return images[0]


def kept(image: np.ndarray, seen: list = []) -> np.ndarray:  # noqa: B006
    return image


def shown(image: np.ndarray, viewer: Any) -> np.ndarray:
    return image


REFUSED: dict[str, tuple[Callable[[EditorModel], EditorModel], str]] = {
    "a required parameter": (lambda state: state.add(needs), "model"),
    "any number of arrays": (lambda state: state.add(many), "any number of arrays"),
    "a mutable default": (lambda state: state.add(kept), "seen"),
    "a viewer": (lambda state: state.add(shown), "viewer"),
    "an input that comes later": (
        lambda state: state.select("smooth").set_input(0, "mask"),
        "not a step before it",
    ),
    "an input that is none": (lambda state: state.set_input(0, "nothing"), "not a step before it"),
    "all steps off": (
        lambda state: state.switch("smooth", False).switch("mask", False).switch("nuclei", False),
        "the only step that is on",
    ),
    "an output that is none": (lambda state: state.set_output("sound"), "not a kind of output"),  # type: ignore[arg-type]
    "a route where there is none": (lambda state: state.set_route("1", gaussian), "one function for all"),
}


@pytest.mark.parametrize(("edit", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_said(edit: Callable[[EditorModel], EditorModel], message: str) -> None:
    state = form()
    with pytest.raises(ValueError, match=message):
        edit(state)
    assert names(state) == ["smooth", "mask", "nuclei"]


def test_a_function_of_one_value_leaves_the_params_of_the_others() -> None:
    """Params that the step has for all its functions too."""
    step = aw.Step({"1": gaussian, "*": gaussian}, {"sigma": 5.0}, name="even", group_by="channel")
    state = EditorModel.of(aw.Pipeline([step])).select("even", "1").set_param("sigma", 2.0)
    assert {key: params for key, (_, params) in state.routes.items()} == {
        "1": {"sigma": 2.0},
        "*": {"sigma": 5.0},
    }


def test_a_function_that_cannot_be_a_step_is_no_route_either() -> None:
    state = form().route_by("channel")
    with pytest.raises(ValueError, match="model"):
        state.set_route("1", needs)


def test_several_components_that_a_step_stacks_can_be_chosen_again() -> None:
    assert form().set_variable("z_index,channel").step.variable == ("z_index", "channel")


@pytest.mark.parametrize(("name", "message"), [(" ", "needs a name"), ("é" * 101, "too long")])
def test_a_name_that_no_folder_can_have_is_said(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        form().rename("smooth", name)
