"""A function has the same fingerprint in every process, and different functions have different ones."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_axiswise.functions import measure_regions
from napari_axiswise.pipeline.code.fingerprints import fingerprint, provenance

LIMIT = 3


def helper(x: int) -> int:
    return x + LIMIT


def uses_helper(x: int, y: int = 2) -> int:
    return helper(x) if x in {"a", "b", "c"} else y


def closes_over(value: Any) -> Callable[[], Any]:
    return lambda: value


SAME = (
    uses_helper,
    measure_regions,
    np.sqrt,
    partial(uses_helper, y=3),
    closes_over((1, "x")),
    {"b": 1, "a": [2]},
)


@pytest.mark.parametrize("value", SAME, ids=repr)
def test_a_fingerprint_stays_the_same(value: object) -> None:
    assert len({fingerprint(value) for _ in range(200)}) == 1


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    script = "from test_fingerprints import *; print(*map(fingerprint, SAME))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parent,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def even(number: int) -> bool:
    return number == 0 or odd(number - 1)


def odd(number: int) -> bool:
    return number != 0 and even(number - 1)


def test_functions_that_call_each_other_have_fingerprints() -> None:
    assert fingerprint(even) != fingerprint(odd)


def test_equal_constants_need_not_be_the_same() -> None:
    same = (1, 2)
    assert fingerprint([same, same]) == fingerprint([(1, 2), tuple(range(1, 3))])


def test_what_makes_a_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fingerprint(closes_over(1)) != fingerprint(closes_over(2))
    assert fingerprint(partial(uses_helper, y=3)) != fingerprint(partial(uses_helper, y=4))
    before = fingerprint(uses_helper)
    monkeypatch.setattr(sys.modules[__name__], "LIMIT", 4)
    changed = fingerprint(uses_helper)
    assert changed != before, "a constant that a helper uses"
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda x: x - LIMIT)
    assert fingerprint(uses_helper) != changed, "a helper"


def nested_functions(docstring: str, text: str) -> Callable[..., Any]:
    """Define a function with this docstring, which nested functions have too, and this returned text."""
    source = f"""
def function(x):
    {docstring}
    def nested(y):
        {docstring}
        return {text}
    class Nested:
        def method(self):
            {docstring}
            return 1
    return nested, Nested, [i for i in x]
"""
    names: dict[str, Any] = {}
    exec(source, names)
    return names["function"]


def test_docstrings_do_not_count() -> None:
    without, one, other = (nested_functions(docstring, "'a'") for docstring in ("", "'one'", "'other'"))
    assert fingerprint(without) == fingerprint(one) == fingerprint(other)
    assert fingerprint(one, with_docstrings=True) != fingerprint(other, with_docstrings=True)
    assert fingerprint(one) != fingerprint(nested_functions("'one'", "'b'")), "what is returned"
    assert fingerprint(nested_functions("'a'", "'a'")) != fingerprint(nested_functions("'b'", "'b'")), (
        "the docstring and what is returned are one constant"
    )


def test_what_is_installed_is_known_by_its_version() -> None:
    from skimage.filters import gaussian

    assert "skimage " in provenance(gaussian)
    assert provenance(uses_helper) == f"{__name__}:uses_helper"
