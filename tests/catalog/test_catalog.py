"""The catalog: functions are listed without importing them, searched, and made into steps."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest

from napari_axiswise import Catalog, Offer, Pipeline, Step, find_functions, open_dataset, run, step
from napari_axiswise.catalog import catalog as catalog_module
from napari_axiswise.catalog import console
from napari_axiswise.catalog.files import file_offers
from napari_axiswise.catalog.plugins import plugin_offers

PLUGIN = {
    "__init__.py": "from .functions import brighten, threshold\n",
    "functions.py": '''
        """What the plugin does."""
        from enum import Enum
        from typing import TYPE_CHECKING

        from magicgui import magic_factory, widgets

        if TYPE_CHECKING:
            import napari
            from napari.types import ImageData, LabelsData, LayerDataTuple

        class Side(Enum):
            ABOVE = 1
            BELOW = -1

        def brighten(image: "napari.types.ImageData", by: int = 1) -> "napari.types.ImageData":
            """Add to each pixel.

            Parameters
            ----------
            by : int
                How much.
            """
            return image + by

        @magic_factory(limit={"max": 255})
        def threshold(image: "napari.layers.Image", side: Side, limit: int = 100) -> "napari.types.LayerDataTuple":
            mask = image.data > limit if side is Side.ABOVE else image.data < limit
            return mask, {"name": "mask"}, "labels"

        def surface(image: "ImageData") -> "LayerDataTuple":
            return (image, image), {}, "surface"

        def draw(image: "ImageData", viewer: "napari.Viewer") -> "LabelsData":
            return image

        class Painter(widgets.Container):
            def __init__(self, viewer: "napari.viewer.Viewer"): ...

        def helper(size: int) -> int: ...
        def _private(image: "ImageData") -> "ImageData": ...
        def invert(image: "ImageData") -> "ImageData":
            """Turn it around."""
            return image.max() - image
    ''',
    "broken.py": "import a_library_that_nobody_has\n\ndef deep(image): ...\n",
    "reader.py": "def get_reader(path): ...\n",
    "_tests/test_it.py": 'def try_out(image: "napari.types.ImageData") -> "napari.types.ImageData": ...\n',
}

MANIFEST = """
name: {package}
display_name: A plugin
contributions:
  commands:
    - {{id: {package}.brighten, title: Brighten an image, python_name: "{package}:brighten"}}
    - {{id: {package}.threshold, title: Make a mask, python_name: "{package}.functions:threshold"}}
    - {{id: {package}.surface, title: Surface, python_name: "{package}.functions:surface"}}
    - {{id: {package}.draw, title: Draw, python_name: "{package}.functions:draw"}}
    - {{id: {package}.paint, title: Paint, python_name: "{package}.functions:Painter"}}
    - {{id: {package}.deep, title: Deep learning, python_name: "{package}.broken:deep"}}
    - {{id: {package}.read, title: Read a file, python_name: "{package}.reader:get_reader"}}
    - {{id: {package}.late, title: Registered later}}
  widgets:
    - {{command: {package}.brighten, display_name: Brighten, autogenerate: true}}
    - {{command: {package}.threshold, display_name: Threshold}}
    - {{command: {package}.paint, display_name: Paint}}
  readers:
    - {{command: {package}.read, filename_patterns: ["*.x"]}}
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of an importable package that looks like a plugin."""
    name = "a_plugin"
    for file, text in PLUGIN.items():
        path = tmp_path / "site" / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix("        ") for line in text.splitlines()))
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield name
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


@pytest.fixture
def offers(package: str, tmp_path: Path) -> dict[str, Offer]:
    """Offers of the plugin, by name."""
    path = tmp_path / "napari.yaml"
    path.write_text(MANIFEST.format(package=package))
    manager = PluginManager()
    manager.register(PluginManifest.from_file(path))
    found = list(plugin_offers(manager))
    assert package not in sys.modules, "nothing is imported to list it"
    return {offer.name: offer for offer in found}


@pytest.fixture(autouse=True)
def nothing_marked() -> Iterator[None]:
    yield
    console.clear_console_offers()


REASONS = {
    "Brighten": "",
    "Threshold": "",
    "Surface": "returns a surface",
    "Draw": "'viewer' takes the viewer",
    "Paint": "a widget of its own",
    "Deep learning": "No module named 'a_library_that_nobody_has'",
    "invert": "",
}


def test_a_plugin_offers_commands_and_annotated_functions(offers: dict[str, Offer]) -> None:
    assert list(offers) == list(REASONS)
    assert {offer.source for offer in offers.values()} == {"A plugin"}
    assert not any(offer.known for offer in offers.values())
    assert offers["invert"].summary == "Turn it around."
    wrong = {name: offers[name].reason for name, part in REASONS.items() if part not in offers[name].reason}
    assert not wrong
    assert [name for name, offer in offers.items() if not offer.reason] == ["Brighten", "Threshold", "invert"]
    assert (offers["Brighten"].summary, offers["Threshold"].kind) == ("Add to each pixel.", "labels")
    side, limit = offers["Threshold"].signature.parameters
    assert (side.needed, limit.needed, limit.options) == (True, False, {"max": 255})


def test_plugin_functions_run_over_a_plate(offers: dict[str, Offer], plate: Path) -> None:
    steps = [offers["Brighten"].step({"by": 3}), offers["Threshold"].step({"limit": 90}, name="mask")]
    assert steps[1].params["side"].name == "ABOVE", "of choices that have to be made, the first"
    dataset = open_dataset(plate)
    result = run(dataset, Pipeline(steps), axis="well", executor="serial")
    first = {name: values[0] for name, values in dataset.components.items()}
    np.testing.assert_array_equal(result.read("mask", **first), dataset.read(**first).astype(int) + 3 > 90)
    with pytest.raises(ValueError, match=r"a_plugin\.functions:draw cannot be a step\. .*takes the viewer"):
        offers["Draw"].step()


def test_functions_are_listed_without_importing_them() -> None:
    code = (
        "import sys; import napari_axiswise as aw; offers = aw.find_functions();"
        "assert {'Built in', 'scikit-image · filters', 'scikit-image · measure'} <= {o.source for o in offers};"
        "found = {'skimage.filters', 'scipy', 'magicgui', 'napari', 'qtpy', 'pandas'} & set(sys.modules);"
        "sys.exit(str(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_built_in_function_can_be_a_step(everything: Catalog) -> None:
    assert {o.name: o.reason for o in everything if o.source == "Built in" and o.reason} == {}


@dataclass(frozen=True)
class Search:
    text: str
    first: str


SEARCHES = (
    Search("gaussian", "napari_axiswise.functions:gaussian"),
    Search("GAUSS filters", "skimage.filters:gaussian"),
    Search("tophat white", "skimage.morphology:white_tophat"),
    Search("white_tophat", "skimage.morphology:white_tophat"),
    Search("otsu", "napari_axiswise.functions:otsu_threshold"),
    Search("measure label", "skimage.measure:label"),
    Search("connected regions", "skimage.measure:label"),
    Search("numpy:sqrt", "numpy:sqrt"),
    Search("skimage.filters:sobel", "skimage.filters:sobel"),
)


@pytest.fixture(scope="module")
def everything() -> Catalog:
    """All functions that are installed, listed once for several searches."""
    return Catalog.everything()


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.text)
def test_the_best_match_is_first(everything: Catalog, search: Search) -> None:
    assert everything.search(search.text)[0].path == search.first


def test_a_search_without_matches(everything: Catalog) -> None:
    assert everything.search("gaussian zebra") == []
    assert len(find_functions()) > 80
    (unknown, *_) = find_functions("no_such_module:function")
    assert "there is no module 'no_such_module'" in unknown.reason


def test_functions_marked_in_a_console_come_first(plate: Path) -> None:
    @step(name="My mask", output="labels")
    def bright(image, limit: int = 60):
        """Mark what is bright."""
        return image > limit

    @step
    def gaussian(image):
        return image

    assert bright(np.array([61])).all(), "the function is unchanged"
    assert [offer.path.rpartition(".")[2] for offer in find_functions("gaussian")[:2]] == [
        "gaussian",
        "functions:gaussian",
    ]
    (offer,) = find_functions("my mask")
    assert (offer.source, offer.summary, offer.kind) == ("Console", "Mark what is bright.", "labels")
    assert Step(bright).kind == "labels"
    again = pickle.loads(pickle.dumps(Pipeline([offer.step()])))
    assert again.steps[0].function(np.array([61, 60])).tolist() == [True, False]
    with pytest.raises(ValueError, match="output='mask': use one of image"):
        step(output="mask")  # type: ignore[call-overload]


def test_a_file_is_parsed_when_listed_and_imported_when_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "my_own_steps.py"
    text = (
        'ran = []\ndef double(image):\n    """Twice."""\n    return image * {}\n\ndef _hidden(image): ...\n'
    )
    path.write_text(text.format(2))
    (offer,) = file_offers(path)
    assert (offer.name, offer.source, offer.summary, offer.path) == (
        "double",
        "my_own_steps.py",
        "Twice.",
        "my_own_steps:double",
    )
    assert "my_own_steps" not in sys.modules
    assert offer.load()(3) == 6
    assert str(tmp_path) in sys.path, "for worker processes"
    assert offer.load() is importlib.import_module("my_own_steps").double
    path.write_text(text.format(300))
    assert next(file_offers(path)).load()(3) == 900, "as it is now"
    path.write_text("def double(image:\n")
    assert list(file_offers(path)) == []
    with pytest.raises(ValueError, match=r"my-steps\.py cannot be imported.*Rename it"):
        list(file_offers(path.rename(tmp_path / "my-steps.py")))
    with pytest.raises(FileNotFoundError, match=r"gone\.py does not exist"):
        list(file_offers(tmp_path / "gone.py"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_functions_of_third_party_plugins_run_over_a_plate(
    shared_data: Path, pytestconfig: pytest.Config
) -> None:
    for plugin in ("napari_skimage", "napari_blob_detection", "napari_labels_overlap", "napari_toska"):
        if importlib.util.find_spec(plugin) is None:
            pytest.skip("pip install --group plugins")
    path = pytestconfig.rootpath / "docs" / "other_plugins.py"
    plate = shared_data / "imagexpress" / "9987_Plate_3435"
    done = subprocess.run([sys.executable, path, plate], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    listed = re.findall(r"^\| (napari\S+) \S+ (\|.*)$", done.stdout, re.MULTILINE)
    page = (pytestconfig.rootpath / "docs" / "functions.md").read_text()
    assert len(listed) >= 10
    assert listed == re.findall(r"^\| (napari\S+) \S+ (\|.*)$", page, re.MULTILINE)


@pytest.mark.slow
def test_the_page_on_functions_runs(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (pytestconfig.rootpath / "docs" / "functions.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "code_of_the_page.py").write_text("\n".join(code))
    monkeypatch.syspath_prepend(tmp_path)
    names = vars(importlib.import_module("code_of_the_page"))
    pipeline, mask = names["pipeline"], names["mask"]
    assert [step.kind for step in pipeline] == ["labels", "table"]
    assert Step(mask).kind == "labels"
    (limit, smallest) = find_functions("bright_objects")[0].signature.parameters
    assert (limit.options, smallest.help) == ({"min": 0, "max": 65535}, "Smallest area in pixels.")


@pytest.mark.parametrize("module", [catalog_module, console], ids=lambda module: module.__name__)
def test_examples_run(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]
