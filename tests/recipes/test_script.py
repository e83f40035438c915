"""A run as a script: it runs as it is, and gives the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
import skimage.filters

import napari_axiswise as aw
from napari_axiswise.core.text import printable
from napari_axiswise.functions import gaussian, measure_regions, otsu_threshold, split_touching
from napari_axiswise.recipes.script import _Script, python_script

OFFSET = 3


class Colour(Enum):
    RED = 1


def brighten(image: np.ndarray, times: float = 2.0) -> np.ndarray:
    """Of a file that the script has to find."""
    return gaussian(np.sqrt(image), OFFSET) * times


def in_console(source: str, name: str, folder: Path) -> object:
    """Return a function as a console has it: in no module, its text known to `inspect`."""
    file = folder / "console-input"
    file.write_text(source)
    names: dict[str, object] = {
        "np": np,
        "gaussian": gaussian,
        "OFFSET": 3,
        "__name__": "__main__",
        "held": object(),
    }
    exec(compile(source, str(file), "exec"), names)
    return names[name]


def run_script(text: str, folder: Path) -> None:
    script = folder / "script.py"
    script.write_text(text)
    subprocess.run([sys.executable, str(script)], check=True, cwd=folder, timeout=100)


@pytest.mark.slow
def test_a_script_runs_as_it_is_and_gives_the_same(plate: Path, tmp_path: Path) -> None:
    typed = in_console(
        "def mine(image, times=2):\n    return gaussian(np.sqrt(image), OFFSET) * times\n", "mine", tmp_path
    )
    pipeline = aw.Pipeline(
        [
            aw.Step(typed, {"times": np.float64(1.5)}),
            aw.Step(brighten, name="bright"),
            aw.Step(skimage.filters.gaussian, {"sigma": (1, 2)}, enabled=False),
            aw.Step(gaussian, {"sigma": 1.5}, name="smooth"),
            aw.Step({"1": otsu_threshold, "*": (otsu_threshold, {})}, name="mask", group_by="channel"),
            aw.Step(split_touching, name="nuclei", output="labels", keep=True),
            aw.Step(measure_regions, name="sizes", inputs=("nuclei", "raw")),
        ]
    )
    output = tmp_path / "of the script"
    recipe = aw.Recipe(str(plate), pipeline, ("well", "timepoint"), axis_filter=("B02,1",), workers=1)
    text = python_script(aw.Recipe(**{**vars(recipe), "output": str(output)}))
    assert "from napari_axiswise.functions import gaussian, measure_regions" in text
    assert f'sys.path.append("{Path(__file__).parent}")' in text
    run_script(text, tmp_path)
    here = aw.run(plate, pipeline, axis=("well", "timepoint"), axis_filter=["B02,1"], executor="serial")
    there = aw.open_result(output)
    place = {"well": "B02", "site": "2", "timepoint": "1", "channel": "2"}
    assert (here.read("nuclei", **place) == there.read("nuclei", **place)).all()
    assert here.table.equals(there.table)


CANNOT = {
    "a lambda": (lambda image: image, {}, "lambda.* has no source"),
    "an object as a param": (brighten, {"times": object()}, "an? object among its params"),
    "a closure": ((lambda times: lambda image: image * times)(3), {}, "has no source"),
}


@pytest.mark.parametrize(("function", "params", "message"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_be_told_is_refused(function: object, params: dict[str, object], message: str) -> None:
    recipe = aw.Recipe("plate", aw.Pipeline([aw.Step(function, params, name="odd")]), "well")
    with pytest.raises(ValueError, match=f"'odd' cannot be in a script: .*{message}"):
        python_script(recipe)


def test_a_function_that_holds_something_of_the_console_is_refused(tmp_path: Path) -> None:
    typed = in_console("def mine(image):\n    return held(image)\n", "mine", tmp_path)
    with pytest.raises(ValueError, match="'mine' cannot be in a script"):
        python_script(aw.Recipe("plate", aw.Pipeline([typed]), "well"))


@pytest.mark.parametrize(
    ("value", "text"),
    [(Colour.RED, "Colour.RED"), (float("inf"), 'float("inf")'), ((1,), "(1,)"),
     ({"a": [None, "b"]}, '{"a": [None, "b"]}'), (np.int8(3), "3"), (Path("a"), '"a"'), (np.sqrt, "sqrt")],
)  # fmt: skip
def test_values_are_told_as_python_has_them(value: object, text: str) -> None:
    step = aw.Step(skimage.filters.gaussian, {"sigma": 1, "mode": value})
    assert f'"mode": {text}' in python_script(aw.Recipe("plate", aw.Pipeline([step]), "well"))


def test_a_function_of_the_console_has_what_its_head_names_and_those_that_call_each_other(
    plate: Path, tmp_path: Path
) -> None:
    """Annotations, defaults and decorators are read when it is made, before anything calls it."""
    typed = in_console(
        "def even(n: int) -> bool:\n    return n == 0 or odd(n - 1)\n"
        "def odd(n: int) -> bool:\n    return n != 0 and even(n - 1)\n"
        "def mine(image: np.ndarray, times: float = OFFSET) -> np.ndarray:\n"
        "    return image * (times if odd(times) else 1)\n",
        "mine",
        tmp_path,
    )
    recipe = aw.Recipe(str(plate), aw.Pipeline([typed]), axis="well", output="from-script")
    run_script(python_script(recipe), tmp_path)
    assert [*(tmp_path / "from-script").iterdir()]


def test_a_name_that_means_two_things_is_refused_and_one_of_the_script_s_own_is_not_taken(
    tmp_path: Path,
) -> None:
    source = "def blur(image):\n    return gaussian(image)\n"
    blur = in_console(source, "blur", tmp_path)
    blur.__globals__["gaussian"] = skimage.filters.gaussian  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="blur uses gaussian"):
        python_script(aw.Recipe("plate", aw.Pipeline([gaussian, blur]), axis="well"))
    dataset = in_console("def dataset(image):\n    return image\n", "dataset", tmp_path)
    with pytest.raises(ValueError, match="two different things are named dataset"):
        python_script(aw.Recipe("plate", aw.Pipeline([dataset]), axis="well"))


@pytest.mark.parametrize(
    "text",
    [
        "a\u2028b\u2029",
        "a\x85b",
        "\u202egnp.exe",
        'say "a\\n"\n',
        "\\",
        "\0\x7f",
        "\udcff",
        "\U000e0001",
        "é\u0301 µ\xa0",
    ],
    ids=ascii,
)
def test_a_text_is_the_same_and_nothing_in_it_is_hidden(text: str) -> None:
    source = _Script().value(text)
    assert ast.literal_eval(source) == text
    assert printable(source) == source
