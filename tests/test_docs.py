"""What the docs say holds: every public name is described, every example runs, every link leads somewhere."""

from __future__ import annotations

import doctest
import inspect
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import napari_axiswise as aw
from napari_axiswise import functions
from napari_axiswise.datasets.synthetic import PlatePlan, write_plate

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
TEXTS = [*PAGES, *sorted(ROOT.glob("*.md"))]

SITE = "https://napari-axiswise.github.io/napari-axiswise/"
REPOSITORY = "https://github.com/napari-axiswise/napari-axiswise/blob/main/"
RAW = "https://raw.githubusercontent.com/napari-axiswise/napari-axiswise/main/"

BLOCK = re.compile(r"(?P<comment>^<!-- [^>]+ -->\n)?^```python[^\n]*\n(?P<code>.*?)^```", re.M | re.S)
"""A block of Python of a page. One with a comment above it is not run: that says what it needs."""

STEP_FUNCTIONS = [name for name in functions.__all__ if inspect.isfunction(getattr(functions, name))]
PUBLIC = {name: getattr(aw, name) for name in aw.__all__} | {
    name: getattr(functions, name) for name in STEP_FUNCTIONS
}


def methods(owner: type) -> Iterator[tuple[str, Any]]:
    """Yield what a class itself has to offer: methods, properties, and what makes one of it."""
    for name, member in vars(owner).items():
        if not name.startswith("_"):
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if inspect.isfunction(function):
                yield name, function


def documented_parameters(docstring: str) -> list[str]:
    """Return the names in the section of parameters of a numpydoc docstring."""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", docstring, re.M | re.S)
    if section is None:
        return []
    names = re.findall(r"^(\*{0,2}\w.*?)(?: :|$)", section[1], re.M)
    return [part.strip().lstrip("*") for name in names for part in name.split(",")]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_described(name: str) -> None:
    described = PUBLIC[name]
    docstring = inspect.getdoc(described) or ""
    assert docstring.partition("\n")[0].endswith((".", ":"))
    told = documented_parameters(docstring)
    known = inspect.signature(described).parameters if callable(described) else {}
    if told and not (inspect.isclass(described) and issubclass(described, Exception)):
        if "plan" in told and "plan" not in known:
            # The parts of a plan are described once, where plans are.
            told = {*told, *(field.name for field in fields(aw.RunPlan))} - {"plan"}
        assert set(told) == set(known), "the docstring tells of other parameters than there are"
    if inspect.isclass(described):
        assert not [member for member, function in methods(described) if not inspect.getdoc(function)]
    else:
        assert told or not known or "parameters and errors are those of" in " ".join(docstring.split())
        returns = inspect.signature(described).return_annotation
        assert "Returns\n" in docstring or "Yields\n" in docstring or returns in (None, "None")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_in_the_reference(name: str) -> None:
    listed = re.findall(r"^::: ([\w.]+)$", (DOCS / "reference.md").read_text("utf-8"), re.M)
    described = PUBLIC[name]
    assert f"{described.__module__}.{described.__qualname__}" in listed


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plate that examples are told with."""
    plan = PlatePlan(("B02", "B03"), sites=2, timepoints=2, channels=1, size=96)
    return write_plate(tmp_path_factory.mktemp("examples") / "sample-plate", plan)


GIVEN = {"aw": aw} | {name: getattr(functions, name) for name in STEP_FUNCTIONS}
"""What examples need not import."""

EXAMPLES = [
    test
    for name, described in PUBLIC.items()
    for test in doctest.DocTestFinder(exclude_empty=True).find(described, name, globs=GIVEN)
    if test.examples
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda test: test.name)
def test_the_examples_of_docstrings_run(
    example: doctest.DocTest, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(sample, tmp_path / sample.name)
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    told: list[str] = []
    runner.run(example, out=told.append)
    assert not runner.failures, "".join(told)


WITHOUT_EXAMPLE = {
    "show",
    "show_check",
    "show_plate",
    "process_task",
    "planning",
    "comparing",
    "checking_axis",
}
"""Functions that take a window, and parts that others are made of."""


@pytest.mark.parametrize(
    "name", [name for name in PUBLIC if inspect.isfunction(PUBLIC[name]) and name not in WITHOUT_EXAMPLE]
)
def test_every_function_has_an_example(name: str) -> None:
    assert ">>> " in (PUBLIC[name].__doc__ or "")


ELSEWHERE = {"dose-response"}
"""Pages whose code is that of a script which a test of its own runs."""


def code(page: Path) -> list[str]:
    """Return the blocks of a page that run anywhere."""
    if page.stem in ELSEWHERE:
        return []
    return [found["code"] for found in BLOCK.finditer(page.read_text("utf-8")) if found["comment"] is None]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "page", [page for page in [*PAGES, ROOT / "README.md"] if code(page)], ids=lambda page: page.stem
)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, sample: Path, tmp_path: Path) -> None:
    shutil.copytree(sample, tmp_path / "plate")
    script = tmp_path / "page.py"
    script.write_text("\n\n".join(code(page)), "utf-8")
    run_script(tmp_path, script)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("script", "arguments", "pictures"),
    [
        ("which_axis.py", ("predicted-and-measured.svg", "2"), ["predicted-and-measured.svg"]),
        ("gallery.py", (".",), ["gallery-movie.png", "gallery-projection.png", "gallery-translocation.png"]),
    ],
)
def test_pictures_are_made_by_a_script_that_runs(
    script: str,
    arguments: Sequence[str],
    pictures: Sequence[str],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    if script == "gallery.py":
        request.getfixturevalue("shared_data")
    run_script(tmp_path, DOCS / script, *arguments)
    assert sorted(path.name for path in tmp_path.iterdir()) == pictures
    assert all((DOCS / "images" / picture).is_file() for picture in pictures)


def test_the_drawing_of_the_axis_is_that_of_its_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    drawn = import_module("draw_axis").drawing()
    assert (DOCS / "images" / "axis.svg").read_text("utf-8") == drawn


def run_script(folder: Path, script: Path, *arguments: str) -> None:
    """Run a script in a folder, in a process of its own; it has to end well."""
    done = subprocess.run(
        [sys.executable, "-W", "error:::napari_axiswise", str(script), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def links(page: Path) -> list[str]:
    """Return where the links and pictures of a page lead to; those in code are none."""
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)(?: \"[^\"]*\")?\)", text)


def anchors(page: Path) -> set[str]:
    """Return what a link to a part of a page may end with."""
    headings = re.findall(r"^#+ (.+?)\s*$", page.read_text("utf-8"), re.M)
    texts = [re.sub(r"\{[^}]*\}|[`*]", "", heading).strip().lower() for heading in headings]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text)) for text in texts}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    lost = []
    for link in links(page):
        target, _, part = link.partition("#")
        if target.startswith(SITE):
            file = DOCS / f"{target.removeprefix(SITE).strip('/') or 'index'}.md"
        elif target.startswith((REPOSITORY, RAW)):
            file = ROOT / target.removeprefix(REPOSITORY).removeprefix(RAW)
        elif "://" in target:
            continue
        else:
            file = page.parent / target if target else page
        if not file.exists() or (part and part not in anchors(file)):
            lost.append(link)
    assert not lost


def test_every_picture_is_shown_somewhere() -> None:
    shown = {Path(link).name for page in TEXTS for link in links(page)}
    assert {picture.name for picture in (DOCS / "images").iterdir()} <= shown


def test_every_page_is_in_the_navigation() -> None:
    listed = set(re.findall(r"([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.M))
    assert listed == {page.name for page in PAGES}


def test_the_tests_of_promises_exist() -> None:
    named = set(re.findall(r"`(tests/[^`]*)`", (DOCS / "promises.md").read_text()))
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).exists()]
