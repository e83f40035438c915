"""What goes to a worker by value, what by its name, and what is refused because a worker cannot have it."""

from __future__ import annotations

import importlib.util
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import napari_axiswise as aw

CODE = """
import functools
import numpy as np

def plain(radius):
    return radius + 4

cached = functools.lru_cache(plain)
unlimited = functools.cache(plain)
typed = functools.lru_cache(maxsize=2, typed=True)(plain)
helpers = {"offset": cached}

@functools.lru_cache
def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

class Offset:
    @functools.lru_cache
    def of(self, radius):
        return radius + 4

offset = Offset()

def with_plain(image): return image + plain(1)
def with_cached(image): return image + cached(1)
def with_unlimited(image): return image + unlimited(1)
def with_typed(image): return image + typed(1)
def with_recursion(image): return image + fibonacci(5)
def with_container(image): return image + helpers["offset"](1)
def with_method(image): return image + offset.of(1)
def inside(image):
    @functools.lru_cache
    def local(radius): return radius + 4
    return image + local(1)

@functools.singledispatch
def added(radius): return 0

@added.register(int)
def _(radius): return radius + 4

class Lazy:
    @functools.cached_property
    def offset(self): return 5

def with_dispatch(image): return image + added(1)
def with_lazy(image): return image + Lazy().offset

made_up = __import__("types").ModuleType("made_up_helpers")
exec("def offset(): return 5", vars(made_up))
def with_module(image): return image + made_up.offset()

@functools.lru_cache
def itself(number): return number + 5

def wrapped(function):
    @functools.wraps(function)
    def inner(image): return function(image)
    return inner

decorated = wrapped(functools.lru_cache(with_plain))
"""

NAMES = (
    "with_plain", "with_cached", "with_unlimited", "with_typed", "with_recursion", "with_container", "with_method",
    "with_dispatch", "with_lazy", "with_module", "inside", "itself", "decorated",
)  # fmt: skip


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A main module of a script, which workers do not have."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    exec(CODE, vars(module))
    return module


def call_step(pipeline: aw.Pipeline) -> Any:
    return pipeline.steps[0].function(100)


@pytest.mark.parametrize("name", NAMES)
def test_helpers_of_a_script_go_to_the_workers(name: str, script: ModuleType, lanes: aw.LaneExecutor) -> None:
    """An `lru_cache` in a script was looked up in the worker's main module (cloudpipe/cloudpickle#178)."""
    pipeline = aw.Pipeline([aw.Step(getattr(script, name), name="shift")])
    pipeline.check_picklable()
    assert lanes.submit(call_step, pipeline).result() == 105


def test_a_cache_keeps_its_size(script: ModuleType) -> None:
    (step,) = pickle.loads(pickle.dumps(aw.Pipeline([aw.Step(script.typed, name="shift")])))
    assert step.function.cache_parameters() == {"maxsize": 2, "typed": True}


def test_a_cache_of_a_module_goes_by_its_name() -> None:
    from fnmatch import _compile_pattern as cached_by_python

    (step,) = pickle.loads(pickle.dumps(aw.Pipeline([aw.Step(cached_by_python, name="cached")])))
    assert step.function is cached_by_python


class ByName:
    """Says that it is found by its name, as some compiled functions do."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, image: Any) -> Any:
        return image

    def __reduce__(self) -> str:
        return self.name


def check_refused(function: Any, *words: str) -> None:
    """The step is refused before a run, naming the step and what it uses."""
    pipeline = aw.Pipeline([aw.Step(lambda image: function(image), name="shift")])
    with pytest.raises(ValueError, match="Step 'shift' cannot be sent to a worker process") as error:
        pipeline.check_picklable()
    assert all(word in str(error.value) for word in (*words, "import it from there")), error.value


def test_what_is_only_known_by_a_name_of_the_script_is_refused(script: ModuleType) -> None:
    script.compiled = ByName("compiled")
    script.compiled.__module__ = "__main__"
    check_refused(script.compiled, "compiled of __main__")


def test_a_module_that_code_created_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("made_up_steps")
    monkeypatch.setitem(sys.modules, "made_up_steps", module)
    exec("def shift(image): return image + 5", vars(module))
    check_refused(module.shift, "shift of made_up_steps")
    exec("import made_up_steps\ndef whole(image): return made_up_steps.shift(image)", space := {})
    check_refused(space["whole"], "the module made_up_steps")


@pytest.mark.parametrize("on_path", [False, True], ids=["not on the path", "another on the path"])
def test_a_file_that_workers_would_not_find_is_refused(
    on_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file of the same name would run instead."""
    file = tmp_path / "here" / "loaded_steps.py"
    other = tmp_path / "there" / "loaded_steps.py"
    for path, by in ((file, 5), (other, 7)):
        path.parent.mkdir()
        path.write_text(f"def shift(image): return image + {by}")
    if on_path:
        monkeypatch.syspath_prepend(str(other.parent))
    spec = importlib.util.spec_from_file_location("loaded_steps", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "loaded_steps", module)
    spec.loader.exec_module(module)
    check_refused(module.shift, "shift of loaded_steps")
    monkeypatch.syspath_prepend(str(file.parent))
    aw.Pipeline([aw.Step(module.shift, name="shift")]).check_picklable()
