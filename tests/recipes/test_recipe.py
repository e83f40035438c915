"""Recipes: what is read is what was written, and what a file cannot say is refused in words that help."""

from __future__ import annotations

import functools
import json
import math
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.special
import skimage.filters
import skimage.measure
import tifffile
from hypothesis import given
from hypothesis import strategies as st

import napari_axiswise as aw
from napari_axiswise.functions import PIPELINES, gaussian, label_objects, measure_regions, project
from napari_axiswise.pipeline.names import function_path
from napari_axiswise.recipes.imports import recipe_imports
from napari_axiswise.recipes.recipe import Recipe
from napari_axiswise.recipes.script import python_script

MY_STEPS = """
def halve(image, by=2):
    return image // by

class Tools:
    @staticmethod
    def double(image):
        return image * 2

number = 3
"""

SHORT = """
[dataset]
path = "plate"

[run]
axis = "well"

[[steps]]
function = "my_steps:halve"
"""


def anything(image: np.ndarray, **params: Any) -> np.ndarray:
    return image


@pytest.fixture(autouse=True)
def fresh_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Recipes put their folders on the path and import from there; the next test starts without."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [name for name in sys.modules if name.startswith("my_")]:
        del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for recipes, with a plate that is only there and a file of functions."""
    (tmp_path / "plate").mkdir()
    (tmp_path / "my_steps.py").write_text(MY_STEPS)
    return tmp_path


def recipe_file(folder: Path, text: str = SHORT) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def facts(pipeline: aw.Pipeline) -> list[Any]:
    """What makes two pipelines the same."""

    def listed(value: Any) -> Any:
        return [listed(item) for item in value] if isinstance(value, (list, tuple)) else value

    return [
        (
            step.name,
            step.kind,
            step.inputs,
            step.keep,
            step.variable,
            step.group_by,
            isinstance(step.function, dict),
            {
                key: (f, {name: listed(value) for name, value in p.items()})
                for key, (f, p) in step.routes.items()
            },
        )
        for step in pipeline
    ]


def as_read(recipe: Recipe, folder: Path) -> Recipe:
    return Recipe.read(recipe.write(folder / "written.toml"))


PIPELINE_CASES = {
    **{name: make() for name, make in PIPELINES.items()},
    "library functions": aw.Pipeline(
        [np.sqrt, scipy.special.expit, scipy.ndimage.distance_transform_edt, np.abs]
    ),
    "numbered names": aw.Pipeline([gaussian, gaussian, gaussian]),
    "inputs, kinds and keep": aw.Pipeline(
        [
            aw.Step(skimage.filters.gaussian, {"sigma": (1, 2.5)}, name="blur", keep=True),
            aw.Step(label_objects, name="nuclei", keep=False),
            aw.Step(label_objects, name="again", inputs="blur", output="labels"),
            aw.Step(measure_regions, name="cells", inputs=("again", "raw")),
            aw.Step(anything, name="last", inputs="raw", output="image", keep=False),
        ]
    ),
    "stacks": aw.Pipeline(
        [
            aw.Step(project, variable="z"),
            aw.Step(anything, variable=()),
            aw.Step(anything, name="both", variable=("site", "channel"), group_by="well"),
        ]
    ),
    "routes": aw.Pipeline(
        [
            aw.Step(
                {
                    "1": (gaussian, {"sigma": 3}),
                    "GFP, bright": skimage.filters.gaussian,
                    "*": (anything, {"a": True}),
                },
                {"sigma": 1.5},
                name="even",
                group_by="channel",
            ),
            aw.Step({"1": label_objects, "*": anything}, name="found", output="labels"),
        ]
    ),
}


@pytest.mark.parametrize("pipeline", PIPELINE_CASES.values(), ids=PIPELINE_CASES)
def test_a_pipeline_is_read_as_it_was_written(folder: Path, pipeline: aw.Pipeline) -> None:
    recipe = Recipe(str(folder / "plate"), pipeline, "well")
    read = as_read(recipe, folder)
    assert facts(read.pipeline) == facts(pipeline)
    assert read.to_toml(folder) == recipe.to_toml(folder)


def test_every_argument_is_read_as_it_was_written(folder: Path) -> None:
    recipe = Recipe(
        source=str(folder / "plate"),
        pipeline=aw.Pipeline(anything),
        axis="time point",
        variable=("site", "z"),
        group_by="channel",
        axis_filter=("1", 'a "quoted" one'),
        pattern=r"{well}\{site:[0-9]+}.tif",
        executor="serial",
        workers=3,
        output=str(folder / "out"),
        time_limit=2.5,
        scheduler="tcp://cluster:8786",
    )
    read = as_read(recipe, folder)
    assert facts(read.pipeline) == facts(recipe.pipeline)
    assert vars(replace(read, pipeline=recipe.pipeline)) == vars(recipe)


def test_a_product_of_components_is_a_list_or_one_text(folder: Path) -> None:
    for told in ('["well", "timepoint"]', '"well,timepoint"'):
        recipe = Recipe.read(recipe_file(folder, SHORT.replace('"well"', told)))
        assert recipe.axis == as_read(recipe, folder).axis == "well,timepoint"


PARAMS = st.recursive(
    st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False),
        st.datetimes().map(lambda moment: moment.replace(fold=0)),
        st.dates(),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aé. \"'\n1"), inner, max_size=3),
    max_leaves=8,
)


@given(params=st.dictionaries(st.sampled_from(["sigma", "mode", "größe"]), PARAMS))
def test_params_are_read_as_they_were_written(folder: Path, params: dict[str, Any]) -> None:
    recipe = Recipe(str(folder / "plate"), aw.Pipeline(aw.Step(anything, params)), "well")
    read = as_read(recipe, folder).pipeline.steps[0].params
    # 1, 1.0 and True are equal, but not the same to a function.
    assert repr(dict(read)) == repr(params)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.int64(7), 7),
        (np.bool_(True), True),
        ((1, (2, np.uint8(3))), [1, [2, 3]]),
        (math.inf, math.inf),
    ],
)
def test_numbers_of_numpy_and_tuples_become_plain(folder: Path, value: object, expected: object) -> None:
    recipe = Recipe(str(folder / "plate"), aw.Pipeline(aw.Step(anything, {"x": value})), "well")
    assert repr(as_read(recipe, folder).pipeline.steps[0].params["x"]) == repr(expected)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "None"),
        ([1, None], "None"),
        (np.zeros(3), "a ndarray"),
        (len, "a builtin_function_or_method"),
        ({1: 2}, "a dict"),
        (2j, "a complex"),
        (np.complex64(2j), "a complex"),
        (Path("x"), f"a {type(Path('x')).__name__}"),
    ],
)
def test_a_param_that_toml_cannot_say_is_refused(value: object, said: str) -> None:
    pipeline = aw.Pipeline(aw.Step(anything, {"mask": value}, name="nuclei"))
    with pytest.raises(ValueError, match=f"'nuclei'.*'mask' is or contains {said}.*my_steps.py"):
        Recipe("plate", pipeline, "well").to_toml()


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (skimage.filters.gaussian, "skimage.filters:gaussian"),
        (skimage.measure.label, "skimage.measure:label"),
        (scipy.ndimage.gaussian_filter, "scipy.ndimage:gaussian_filter"),
        (scipy.special.expit, "scipy.special:expit"),
        (np.sqrt, "numpy:sqrt"),
        (len, "builtins:len"),
        (gaussian, "napari_axiswise.functions:gaussian"),
    ],
)
def test_functions_are_named_by_their_public_module(function: Callable[..., Any], expected: str) -> None:
    assert function_path(function) == expected


def console_function() -> Callable[..., Any]:
    """A function as napari's console makes it."""
    space: dict[str, Any] = {"__name__": "__main__"}
    exec("def segment(image):\n    return image", space)
    return space["segment"]  # type: ignore[no-any-return]


def function_of_no_file() -> Callable[..., Any]:
    module = types.ModuleType("my_made_up_module")
    exec("def segment(image):\n    return image", module.__dict__)
    sys.modules[module.__name__] = module
    return module.segment  # type: ignore[no-any-return]


def shadowed() -> Callable[..., Any]:
    """A function whose name has become another's."""

    def anything(image: np.ndarray) -> np.ndarray:
        return image

    anything.__qualname__ = "anything"
    return anything


class Filter:
    def __call__(self, image: np.ndarray) -> np.ndarray:
        return image

    def apply(self, image: np.ndarray) -> np.ndarray:
        return image


@pytest.mark.parametrize(
    "function",
    [
        console_function(),
        function_of_no_file(),
        shadowed(),
        lambda image: image,
        Filter(),
        Filter().apply,
    ],
    ids=["console", "module of no file", "shadowed", "lambda", "object", "method"],
)
def test_a_function_that_cannot_be_imported_is_refused_with_the_way_to_save_it(
    tmp_path: Path, function: Callable[..., Any]
) -> None:
    recipe = Recipe("plate", aw.Pipeline(aw.Step(function, name="nuclei")), "well")
    with pytest.raises(ValueError, match=r"(?s)'nuclei'.*console.*my_steps\.py.*my_steps:") as refused:
        recipe.write(tmp_path / "recipe.toml")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "recipe.toml").exists()


def test_a_partial_is_refused() -> None:
    step = aw.Step(functools.partial(anything, sigma=2), name="blur")
    with pytest.raises(ValueError, match=r"'blur'.*partial.*params"):
        Recipe("plate", aw.Pipeline(step), "well").to_toml()


def test_a_route_that_cannot_be_imported_is_refused() -> None:
    step = aw.Step({"1": gaussian, "2": lambda image: image}, group_by="channel", name="even")
    with pytest.raises(ValueError, match=r"'even'.*my_steps"):
        Recipe("plate", aw.Pipeline(step), "well").to_toml()


def test_functions_beside_the_recipe_are_found(folder: Path) -> None:
    recipe = Recipe.read(recipe_file(folder, SHORT.replace("halve", "Tools.double")))
    (step,) = recipe.pipeline
    assert step.route(None)[0](2) == 4
    assert 'function = "my_steps:Tools.double"' in recipe.to_toml(folder)


def test_functions_beside_the_recipe_run_in_worker_processes(plate: Path, tmp_path: Path) -> None:
    (tmp_path / "my_steps.py").write_text(MY_STEPS)
    text = SHORT.replace('"plate"', json.dumps(plate.as_posix())).replace(
        "[run]", '[run]\nworkers = 1\nonly = ["B02"]'
    )
    result = aw.run(**Recipe.read(recipe_file(tmp_path, text)).run_arguments())
    where = {"well": "B02", "site": "1", "timepoint": "1", "channel": "1"}
    assert list(result.results) == ["B02"]
    assert not result.failures
    np.testing.assert_array_equal(result.read("halve", **where), result.dataset.read(**where) // 2)


SHADOW = """
import pathlib
pathlib.Path({mark!r}).touch()
raise ImportError("not the library")
"""


@pytest.mark.parametrize("function", ["napari_axiswise.functions:gaussian", "my_steps:halve"])
@pytest.mark.parametrize("library", ["tifffile", "skimage", "colorsys"])
def test_no_module_beside_a_recipe_replaces_that_of_a_library(
    plate: Path,
    tmp_path: Path,
    function: str,
    library: str,
    monkeypatch: pytest.MonkeyPatch,
    lanes: aw.LaneExecutor,
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    mark = tmp_path / "ran"
    (tmp_path / f"{library}.py").write_text(SHADOW.format(mark=str(mark)))
    (tmp_path / "my_steps.py").write_text(f"import {library}\n{MY_STEPS}")
    text = SHORT.replace('"plate"', json.dumps(plate.as_posix())).replace("my_steps:halve", function)
    recipe = Recipe.read(recipe_file(tmp_path, text.replace("[run]", '[run]\nonly = ["B02"]')))
    assert (str(tmp_path) in sys.path) == (function == "my_steps:halve")
    assert not aw.run(**{**recipe.run_arguments(), "executor": lanes}).failures
    assert not mark.exists()


@pytest.mark.parametrize("library", ["tifffile", "colorsys"])
def test_a_module_of_a_library_that_is_named_and_is_beside_the_recipe_too_is_an_error(
    folder: Path, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    (folder / f"{library}.py").write_text(SHADOW.format(mark=str(folder / "ran")))
    with pytest.raises(ValueError, match=f"beside the recipe, but this Python imported {library} from"):
        Recipe.read(recipe_file(folder, SHORT.replace("my_steps:halve", f"{library}:imread")))
    assert not (folder / "ran").exists()


def test_modules_beside_a_recipe_may_be_packages_and_folders(folder: Path) -> None:
    for package, name in (("my_package", "__init__"), ("my_folder", "steps")):
        (folder / package).mkdir()
        (folder / package / f"{name}.py").write_text(MY_STEPS)
    for module in ("my_package", "my_folder.steps"):
        assert (
            Recipe.read(recipe_file(folder, SHORT.replace("my_steps", module))).pipeline.steps[0].name
            == "halve"
        )


def test_the_imports_of_a_recipe_are_found_without_importing(folder: Path) -> None:
    (folder / "my_steps.py").write_text("raise SystemExit")
    functions = (
        "my_steps:halve", "napari_axiswise.functions:gaussian", "napari_axiswise.functions.filters:gaussian",
        "skimage.filters:gaussian", "skimage.filters:thresholding.np.save", "skimage._shared.utils:warn",
        "skimage_not:there", "napari_axiswise.cli.main:main", "numpy:abs", ":", "a", ".b:c", "sys:exit", "no: ",
    )  # fmt: skip
    steps = "".join(f"[[steps]]\nfunction = {json.dumps(function)}\n" for function in functions)
    routes = '[[steps]]\n[steps.routes]\n1 = { function = "my_other:f" }\n"*" = 3\n'
    (folder / "my_other.py").touch()
    before = {*sys.modules}, [*sys.path]
    found = recipe_imports(recipe_file(folder, f"{steps}{routes}[[steps]]\nfunction = 3"))
    assert ({*sys.modules}, sys.path) == before
    assert list(found) == [
        "my_steps", "skimage.filters", "skimage._shared.utils", "napari_axiswise.cli.main", "numpy", "sys", "my_other",
    ]  # fmt: skip
    assert found["my_steps"] == str(folder / "my_steps.py")
    assert found["numpy"] == np.__file__
    assert recipe_imports(recipe_file(folder, "steps = 3")) == {}


def test_the_same_name_beside_two_recipes_is_an_error(folder: Path) -> None:
    Recipe.read(recipe_file(folder))
    other = folder / "other"
    (other / "plate").mkdir(parents=True)
    (other / "my_steps.py").write_text("def halve(image):\n    return image")
    with pytest.raises(ValueError, match=r"beside the recipe.*imported my_steps from"):
        Recipe.read(recipe_file(other))


def test_paths_are_relative_to_the_recipe(folder: Path) -> None:
    recipe = Recipe(
        str(folder / "plate"), aw.Pipeline(anything), "well", output=str(folder / "runs" / "first")
    )
    (folder / "runs").mkdir()
    path = recipe.write(folder / "runs" / "recipe.toml")
    text = path.read_text()
    assert 'path = "../plate"' in text
    assert 'output = "first"' in text
    moved = folder.rename(folder.with_name(f"{folder.name}-moved"))
    read = Recipe.read(moved / "runs" / "recipe.toml")
    assert read.source == str(moved / "plate")
    assert read.output == str(moved / "runs" / "first")


@pytest.mark.parametrize("options", [{"source": "pl\udcffate"}, {"source": "plate", "output": "\udcff"}])
def test_a_path_that_is_not_unicode_is_an_error(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r'\\udcff.*" cannot be in a recipe: it is not Unicode. Rename'):
        Recipe(**options, pipeline=aw.Pipeline(gaussian), axis="well").to_toml()


@pytest.mark.parametrize(
    "model", ["https://user:S3CRET@host/m", ["s3://K:S3CRET@bucket/m"], {"a": "https://h/m?token=S3CRET"}]
)
def test_a_password_in_a_param_is_in_no_recipe_script_or_run_log(
    plate: Path, tmp_path: Path, model: object
) -> None:
    (tmp_path / "my_steps.py").write_text("def halve(image, model=None): return image // 2")
    (step,) = Recipe.read(recipe_file(tmp_path, SHORT), need_dataset=False).pipeline
    pipeline = aw.Pipeline(replace(step, params={"model": model}))
    recipe = Recipe(str(plate), pipeline, "well")
    for write in (recipe.to_toml, functools.partial(python_script, recipe)):
        with pytest.raises(
            ValueError, match=r"'halve' cannot be in a .* an address with a password or token"
        ):
            write()
    options = {"axis": "well", "executor": "serial", "output": tmp_path / "out"}
    assert not aw.run(plate, pipeline, **options).failures
    assert not [
        path for path in (tmp_path / "out").rglob("*") if path.is_file() and b"S3CRET" in path.read_bytes()
    ]


def test_a_run_is_resumed_with_another_password_in_a_param(plate: Path, tmp_path: Path) -> None:
    (tmp_path / "my_steps.py").write_text("def halve(image, model=None): return image // 2")
    (step,) = Recipe.read(recipe_file(tmp_path, SHORT), need_dataset=False).pipeline
    for password in ("first", "second"):
        pipeline = aw.Pipeline(replace(step, params={"model": f"https://user:{password}@host/m"}))
        aw.run(
            plate,
            pipeline,
            axis="well",
            executor="serial",
            output=tmp_path / "out",
            resume=password == "second",
        )


def test_a_recipe_stays_short(folder: Path) -> None:
    lines = Recipe.read(recipe_file(folder)).to_toml(folder).split("\n")
    assert lines == [
        "[dataset]", 'path = "plate"', "", "[run]", 'axis = "well"', "",
        "[[steps]]", 'name = "halve"', 'function = "my_steps:halve"', "",
    ]  # fmt: skip


def test_the_recipe_of_a_run_has_its_arguments(plate: Path) -> None:
    pattern = "TimePoint_{timepoint}/{_}_{well}_s{site}_w{channel}.TIF"
    dataset = aw.open_dataset(plate, pattern)
    recipe = Recipe.of(dataset, aw.Pipeline(gaussian), "well", "site", axis_filter=iter(["B02"]), workers=2)
    assert (recipe.source, recipe.pattern) == (str(plate), pattern)
    assert (recipe.variable, recipe.axis_filter) == (("site",), ("B02",))
    arguments = recipe.run_arguments()
    assert arguments.pop("dataset").components == dataset.components
    assert arguments["workers"] == 2
    assert not {"time_limit", "scheduler"} & set(arguments)


def test_the_recipe_of_a_file_has_the_file(plate: Path) -> None:
    file = next(plate.rglob("*.TIF"))
    assert Recipe.of(aw.open_dataset(file), aw.Pipeline(gaussian), "page").source == str(file)


def test_layers_have_no_recipe() -> None:
    layer = types.SimpleNamespace(
        name="movie",
        data=np.zeros((2, 4, 4)),
        axis_labels=("t", "y", "x"),
        scale=(1, 1),
        units=("pixel",) * 2,
    )
    with pytest.raises(ValueError, match=r"'movie' is in memory.*Save it"):
        Recipe.of(aw.open_dataset([layer]), aw.Pipeline(gaussian), "timepoint")


BAD_RECIPES = {
    "no TOML": ("[dataset", "is not TOML"),
    "not UTF-8": ("\udcff", "is not TOML"),
    "no steps": (SHORT.partition("[[")[0], "needs steps"),
    "empty steps": ("steps = []" + SHORT.partition("[[")[0], "at least one step"),
    "steps that are none": ("steps = [1]" + SHORT.partition("[[")[0], "at least one step"),
    "no axis": (SHORT.replace('axis = "well"', ""), r"\[run\] needs axis"),
    "no path": (SHORT.replace('path = "plate"', ""), r"\[dataset\] needs path"),
    "unknown table": (SHORT + "[extra]", "'extra'; known are format, dataset"),
    "unknown key of the run": (SHORT.replace("axis", "axes"), r"\[run\] has the unknown key 'axes'; known are axis"),
    "a newer version": ("format = 2\n" + SHORT, "has format = 2.*pip install --upgrade"),
    "a cycle of inputs": (
        SHORT + 'name = "a"\ninputs = ["b"]\n[[steps]]\nname = "b"\ninputs = ["a"]\nfunction = "numpy:abs"',
        "Step 'a' has input 'b', which is not a step before it",
    ),
    "unknown key of a step": (SHORT + "sigma = 2", "Step 1 has the unknown key 'sigma'"),
    "wrong type": (SHORT.replace('"well"', "1"), r"\[run\]: axis = 1 must be a text"),
    "flag for a number": (SHORT.replace("[run]", "[run]\nworkers = true"), "workers = True must be a whole"),
    "numbers for texts": (SHORT.replace("[run]", "[run]\nonly = [1, 2]"), "only = .* must be a list of texts"),
    "text for a flag": (SHORT + 'keep = "yes"', "Step 1: keep = 'yes' must be true or false"),
    "path of no function": (SHORT.replace("my_steps:halve", "halve"), "Step 1: .*is not of the form 'module:name'"),
    "no module": (SHORT.replace("my_steps", "my_stepz"), "Step 1: .*no module 'my_stepz'.*Put my_stepz.py into"),
    "no such function": (SHORT.replace("halve", "half"), r"my_steps\.py has no 'half'"),
    "no function": (SHORT.replace("halve", "number"), "is a int, not a function"),
    "module that fails": (SHORT.replace("my_steps", "my_broken"), "importing my_broken fails with ZeroDivision"),
    "module that exits": (SHORT.replace("my_steps", "my_script"), "importing my_script fails with SystemExit"),
    "module that needs another": (SHORT.replace("my_steps", "my_needy"), "fails with .*No module named 'my_gone'"),
    "function and routes": (SHORT + '[steps.routes]\n1 = { function = "a:b" }', "Step 1 needs one of"),
    "no function at all": (SHORT.replace("function", "name"), r"Step 1 \('my_steps:halve'\) needs one of"),
    "route of no table": ("[[steps]]\nroutes = { 1 = 2 }" + SHORT.partition("[[")[0], "the route 1 = 2 has to be"),
    "route without function": ("[[steps]]\nroutes = { 1 = {} }" + SHORT.partition("[[")[0], "'1' needs function"),
    "wrong params": (SHORT + "params = { sigma = 2 }", "cannot call halve.*sigma"),
    "unknown input": (SHORT + 'inputs = "blur"', "has input 'blur', which is not a step before it"),
    "unknown output": (SHORT + 'output = "film"', "output='film'; use one of image"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD_RECIPES.values(), ids=BAD_RECIPES)
def test_a_bad_recipe_is_one_clear_error(folder: Path, text: str, message: str) -> None:
    (folder / "my_broken.py").write_text("1 / 0")
    (folder / "my_script.py").write_text("raise SystemExit(3)")
    (folder / "my_needy.py").write_text("import my_gone")
    path = folder / "recipe.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=message) as raised:
        Recipe.read(path)
    assert str(raised.value).startswith(str(path))


def test_a_dataset_that_is_not_there_is_an_error(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"plaet.*relative to"):
        Recipe.read(recipe_file(folder, SHORT.replace('"plate"', '"plaet"')))


@pytest.mark.parametrize("name", ["gone.toml", "plate"])
def test_a_recipe_that_is_not_there_is_an_error(folder: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="no recipe at"):
        Recipe.read(folder / name)


def test_a_byte_order_mark_does_not_matter(folder: Path) -> None:
    recipe_file(folder).write_text(SHORT, encoding="utf-8-sig")
    assert Recipe.read(folder / "recipe.toml").axis == "well"


@pytest.mark.parametrize("axes", [("timepoint", "z_index"), {"timepoint": 3, "z_index": 2}])
def test_axes_that_the_user_named_are_in_the_recipe(tmp_path: Path, axes: Any) -> None:
    stack = np.arange(6 * 8 * 9, dtype=np.uint16).reshape(3, 2, 8, 9)
    pages = stack if isinstance(axes, tuple) else stack.reshape(6, 8, 9)
    tifffile.imwrite(tmp_path / "stack.tif", pages, metadata=None if isinstance(axes, dict) else {})
    dataset = aw.open_dataset(tmp_path / "stack.tif", axes=axes)
    recipe = Recipe.of(dataset, PIPELINES["Intensity statistics"](), axis="timepoint")
    again = Recipe.read(recipe.write(tmp_path / "recipe.toml"))
    assert again.axes == axes
    assert again.run_arguments()["dataset"].components == dataset.components


def test_an_address_stays_what_it_is(tmp_path: Path) -> None:
    pipeline = next(iter(PIPELINES.values()))()
    recipe = Recipe("https://example.org/plate.zarr", pipeline, "well")
    assert Recipe.read(recipe.write(tmp_path / "recipe.toml")).source == "https://example.org/plate.zarr"


def test_axes_in_a_recipe_that_are_no_lengths(tmp_path: Path) -> None:
    path = Recipe("https://example.org/plate.zarr", next(iter(PIPELINES.values()))(), "well").write(
        tmp_path / "recipe.toml"
    )
    path.write_text(path.read_text().replace("[dataset]", '[dataset]\naxes = { timepoint = "many" }'))
    with pytest.raises(ValueError, match="must have whole numbers"):
        Recipe.read(path)
