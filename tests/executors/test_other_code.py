"""Executors run the code that the parent has, or say in which step they cannot: lanes, a pool, and a Dask cluster."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from napari_axiswise.executors.choice import open_executor

CODE = "BY = {by}\ndef shift(image):\n    return image.astype('uint16') + BY\n"
LATE = "def shift(image):\n    import edited_steps_helper as h\n    return image.astype('uint16') + h.BY\n"

OTHER = "would run other code: edited_steps."


class Module:
    """A module of the user's, whose file is edited."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._edits = 0

    def write(self, text: str, suffix: str = "") -> None:
        file = self.folder / f"{self.name}{suffix}.py"
        file.write_text(text)
        # Two edits within one tick of the clock, and of the same length, would look the same.
        self._edits += 1
        os.utime(file, (self._edits * 1000, self._edits * 1000))

    def write_helper(self, by: int) -> None:
        self.write(f"BY = {by}\n", "_helper")

    def load(self) -> Any:
        if self.name in sys.modules:
            return importlib.reload(sys.modules[self.name])
        return importlib.import_module(self.name)

    def pipeline(self) -> aw.Pipeline:
        return aw.Pipeline([aw.Step(self.load().shift, name="shift")])


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Module]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Module(tmp_path, "edited_steps")
    for name in ("edited_steps", "edited_steps_helper"):
        sys.modules.pop(name, None)


def added(pipeline: aw.Pipeline, executor: Executor) -> int | str:
    """Run over three timepoints, and return what was added to all, or the error of all."""
    images = aw.open_dataset(np.full((3, 4, 4), 100, np.uint8), axes=("timepoint",))
    result = aw.run(images, pipeline, axis="timepoint", executor=executor)
    (found,) = {
        event.error or int(result.read("shift", timepoint=value).max()) - 100
        for value, event in result.outcomes.items()
    }
    return found


def check(module: Module, executor: Executor, renewed: bool) -> None:
    """Edit a module in several ways between runs on workers that are kept.

    Parameters
    ----------
    renewed : bool
        Whether the executor can replace a worker process.
    """

    def expect(by: int, pipeline: aw.Pipeline, refusal: str) -> None:
        found = added(pipeline, executor)
        if renewed:
            assert found == by
        else:
            assert f"step 'shift' {refusal}" in str(found)

    module.write(CODE.format(by=5))
    assert added(module.pipeline(), executor) == 5
    # Edited and reloaded (joblib/joblib#1085).
    module.write(CODE.format(by=1000))
    reloaded = module.pipeline()
    expect(1000, reloaded, OTHER)
    # A script sets a variable (joblib/joblib#923), and sets it back.
    sys.modules["edited_steps"].BY = 7
    assert "step 'shift' would run other code: edited_steps.BY is 7 here and" in str(
        added(reloaded, executor)
    )
    sys.modules["edited_steps"].BY = 1000
    expect(1000, reloaded, OTHER)
    # Edited, but not reloaded.
    module.write(CODE.format(by=2000))
    assert "'shift'" in str(added(reloaded, executor))
    expect(2000, module.pipeline(), OTHER)
    # A module that only workers import, and that is edited.
    module.write_helper(1)
    module.write(LATE)
    expect(1, module.pipeline(), OTHER)
    module.write_helper(2)
    expect(2, module.pipeline(), OTHER)


def test_lanes_renew_their_processes(module: Module) -> None:
    with aw.LaneExecutor(1, nice=False) as lanes:
        check(module, lanes, renewed=True)


@pytest.mark.slow
def test_a_pool_names_the_step(module: Module) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        check(module, pool, renewed=False)


@pytest.mark.slow
def test_lanes_of_a_cluster_renew_their_processes(module: Module) -> None:
    pytest.importorskip("distributed")
    with open_executor("dask", 1, None) as cluster:
        check(module, cluster, renewed=True)


def test_a_run_log_has_the_code_that_ran(module: Module, tmp_path: Path) -> None:
    """A resumed run is refused if a variable that a script sets is another one than before."""
    module.write("O = {'by': 5}\ndef shift(image):\n    return image.astype('uint16') + O['by']\n")
    images = aw.open_dataset(np.full((3, 4, 4), 100, np.uint8), axes=("timepoint",))
    pipeline = module.pipeline()
    output = tmp_path / "output"
    aw.run(images, pipeline, axis="timepoint", executor="serial", output=output)
    description = json.loads(next(output.glob("**/run.json")).read_text())
    assert description["code"]["shift"]["edited_steps.O"] == "{'by': 5}"
    assert set(description["code"]["shift"]) == {"edited_steps.O", "edited_steps.shift"}
    aw.run(images, pipeline, axis="timepoint", executor="serial", output=output, resume=True)
    sys.modules["edited_steps"].O["by"] = 9
    with pytest.raises(ValueError, match=r"step 'shift' uses edited_steps[.]O, which was .*5} and is .*9}"):
        aw.run(images, pipeline, axis="timepoint", executor="serial", output=output, resume=True)
