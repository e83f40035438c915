"""The code that workers have is compared with that of their parent: what differs is found, and nothing else.

A worker is played by this process, which imports a module again after a script has changed it.
"""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import napari_axiswise as aw
from edited_modules import CHANGED, SAME, Case
from napari_axiswise.core.errors import OtherCode
from napari_axiswise.pipeline.code import parcel
from napari_axiswise.pipeline.code.parcel import StepCode

HEAD = "import numpy as np\nimport steps_helper\n"
HELPER = """
BY = 5
def offset():
    return BY
def __getattr__(name):
    if name == "made_up":
        return BY
    raise AttributeError(name)
"""


@pytest.fixture
def imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Import a module of a given text, as a process does that has not imported it yet."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    (tmp_path / "steps_helper.py").write_text(HELPER)
    (tmp_path / "steps_package").mkdir()
    (tmp_path / "steps_package" / "__init__.py").touch()
    (tmp_path / "steps_package" / "late.py").write_text("BY = 5")

    def forget() -> None:
        for name in ("steps_module", "steps_helper", "steps_package", "steps_package.late"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()

    def import_text(text: str = "") -> ModuleType:
        if text:
            (tmp_path / "steps_module.py").write_text(HEAD + dedent(text))
        forget()
        return importlib.import_module("steps_module")

    yield import_text
    forget()


def code_of(module: ModuleType) -> StepCode:
    (step,) = aw.Pipeline([aw.Step(module.shift, name="shift")])
    return StepCode.of(step)


@pytest.mark.parametrize("case", SAME, ids=lambda case: case.name)
def test_what_functions_change_themselves_does_not_count(
    case: Case, imported: Callable[..., ModuleType]
) -> None:
    module = imported(case.module)
    exec(case.script, {"m": module, "np": np})
    code = code_of(module)
    imported()
    assert code.difference() == ""


@pytest.mark.parametrize("case", CHANGED, ids=lambda case: f"{case.name}: {case.script}")
def test_what_a_script_has_changed_is_named(case: Case, imported: Callable[..., ModuleType]) -> None:
    """Values that a script sets are not in a worker, which imports the module (joblib/joblib#923)."""
    module = imported(case.module)
    exec(case.script, {"m": module, "np": np})
    code = code_of(module)
    imported()
    assert f"{case.name} is " in code.difference()


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ("def shift(i): return i + 1000", "steps_module.shift is not the same in a worker process"),
        ("def shift(i):\n  # no other code\n  return i + 5", ""),
        ("def shift(i):\n  'Add 5.'\n  return i + 5", ""),
        ("def shift(i): return i + helper()\ndef helper(): return 5", "shift is not the same"),
        ("", "steps_module.shift is not found in a worker process"),
        ("raise OSError('no model')", "is not found in a worker process (OSError: no model)"),
    ],
)
def test_an_edited_file(later: str, words: str, imported: Callable[..., ModuleType]) -> None:
    """The parent has not reloaded it, and new workers import it as it is (joblib/joblib#1085)."""
    code = code_of(imported("def shift(i): return i + 5"))
    with suppress(OSError):
        imported(later or " ")
    assert words in code.difference()
    assert words or not code.difference()


def test_short_values_are_shown(imported: Callable[..., ModuleType]) -> None:
    module = imported("O = {'by': 5}\ndef shift(i): return i + O['by']")
    module.O["by"] = 9
    code = code_of(module)
    imported()
    assert code.difference() == "steps_module.O is {'by': 9} here and {'by': 5} in a worker process"


def test_a_pipeline_with_other_code_cannot_be_used(
    imported: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be unpickled: a `ProcessPoolExecutor` whose worker fails to unpickle a call is broken."""
    module = imported("BY = 5\ndef shift(i): return i + BY")
    module.BY = 9
    pickled = pickle.dumps(aw.Pipeline([aw.Step(module.shift, name="first")]))
    imported()
    assert len(pickle.loads(pickled)) == 1  # in the same process
    monkeypatch.setattr(parcel, "_TOKEN", "another process")
    pipeline: Any = pickle.loads(pickled)
    with pytest.raises(
        OtherCode, match=r"step 'first' would run other code: steps_module[.]BY is 9 here and 5 in"
    ):
        pipeline.configured((), None)
    del sys.modules["steps_module"].shift
    pipeline = pickle.loads(pickled)
    with pytest.raises(OtherCode, match="step 'first' cannot be loaded in a worker process: AttributeError"):
        len(pipeline.steps)


def test_a_sealed_pipeline_is_the_same_however_often_it_is_sent(imported: Callable[..., ModuleType]) -> None:
    module = imported("BY = 5\ndef shift(i): return i + BY")
    sealed = aw.Pipeline([aw.Step(module.shift, name="shift")]).sealed()
    pickled = pickle.dumps(sealed)
    module.BY = 9
    assert pickle.dumps(sealed) == pickled
    assert [step.name for step in sealed] == ["shift"]


def test_sealing_refuses_what_cannot_be_sent() -> None:
    import threading

    lock = threading.Lock()
    with pytest.raises(ValueError, match="Step 'locked' cannot be sent to a worker process"):
        aw.Pipeline([aw.Step(lambda i: lock and i, name="locked")]).sealed()
