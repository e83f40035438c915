"""The model of the dock, without a window: what is chosen, what that makes valid, and the plan it gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.ui.run.form import AxisForm
from napari_axiswise.ui.run.model import RunModel


@pytest.fixture
def model() -> RunModel:
    return RunModel(aw.Pipeline([aw.Step(np.sqrt, name="root")]))


def test_no_toolkit_is_imported() -> None:
    code = (
        "import sys, napari_axiswise.ui.run.model, napari_axiswise.ui.common.task_board;"
        "sys.exit(any(name in sys.modules for name in ('qtpy', 'magicgui', 'vispy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_each_change_is_emitted_once_with_what_changed(model: RunModel, plate: Path) -> None:
    seen: list[frozenset[str]] = []
    model.changed.connect(seen.append)
    model.open(aw.open_dataset(plate))
    model.choose(variable=["site"])
    model.choose(variable=["site"])
    model.set(executor="threads", workers=3)
    model.set(executor="threads", output=Path("kept"))
    assert seen == [{"dataset", "form"}, {"form"}, {"executor", "workers"}, {"output"}]


def test_without_a_dataset_there_is_no_plan(model: RunModel) -> None:
    assert model.trial() is None
    for use in (model.plan, lambda: model.configuration, lambda: model.split_by("well")):
        with pytest.raises(ValueError, match="Nothing is open"):
            use()


def test_the_plan_has_what_is_chosen(model: RunModel, plate: Path, tmp_path: Path) -> None:
    model.open(aw.open_dataset(plate))
    model.split_by(("well", "timepoint"))
    model.choose(variable=["site"], group_by="channel", values=["B02,1"])
    model.set(executor="threads", workers=3, output=tmp_path / "kept", scheduler="tcp://unused:1")
    plan = model.plan()
    assert (plan.dataset, plan.pipeline) == (model.dataset, model.pipeline)
    assert plan.options == {
        "axis": "well,timepoint",
        "variable": ("site",),
        "group_by": "channel",
        "axis_filter": ("B02,1",),
        "executor": "threads",
        "workers": 3,
        "output": str(tmp_path / "kept"),
        "time_limit": None,
        "scheduler": None,
    }
    trial = model.trial()
    assert trial is not None
    assert (trial.axis, trial.axis_filter, trial.output, trial.workers) == ("", None, None, 3)
    assert (trial.variable, trial.group_by) == (("site",), "channel")
    model.set(executor="dask", scheduler="tcp://cluster:1")
    assert (model.plan().scheduler, model.plan().workers) == ("tcp://cluster:1", None)


def test_a_recipe_is_chosen_as_far_as_it_is_valid(model: RunModel, plate: Path) -> None:
    recipe = aw.Recipe(str(plate), model.pipeline, "timepoint", ("site", "depth"), "channel", ("2", "no"))
    expected = ("timepoint", ("site",), "channel", ("2",))

    def chosen(model: RunModel) -> tuple[object, ...]:
        form = model.form
        return form.axis, form.variable, form.group_by, form.values

    model.use_recipe(recipe)
    assert model.form == AxisForm()
    model.open(aw.open_dataset(plate))
    assert chosen(model) == expected
    model.split_by("well")
    model.use_recipe(recipe)
    assert chosen(model) == expected
    model.open(aw.open_dataset(plate))
    assert chosen(model) == (*expected[:3], ())
