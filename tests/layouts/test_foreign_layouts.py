"""Layouts of other packages: asked first, and whatever they do wrong, nobody but they suffers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tifffile import imwrite

import napari_axiswise as aw
from napari_axiswise.layouts import registry


class Reversed:
    """Files are called as their well, from the end."""

    name = "reversed"

    def find(self, folder: aw.Folder) -> aw.FoundPlanes | None:
        return aw.FoundPlanes(folder.images, {"well": [image[:3][::-1] for image in folder.images]})


class Raising(Reversed):
    def find(self, folder: aw.Folder) -> aw.FoundPlanes | None:
        raise KeyError("no such thing")


class Outside(Reversed):
    def find(self, folder: aw.Folder) -> aw.FoundPlanes | None:
        return aw.FoundPlanes(["../secret.tif"], {"well": ["A01"]})


class Shy(Reversed):
    def find(self, folder: aw.Folder) -> aw.FoundPlanes | None:
        return None


@dataclass
class EntryPoint:
    """What importlib.metadata has for an entry point."""

    loaded: Any
    name: str = "other"
    value: str = "other_package:Layout"

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Install an entry point."""

    def install(loaded: Any) -> None:
        def entry_points(group: str) -> list[EntryPoint]:
            assert group == "napari_axiswise.layouts"
            return [EntryPoint(loaded)]

        monkeypatch.setattr(registry, "entry_points", entry_points)
        registry.foreign_layouts.cache_clear()

    yield install
    monkeypatch.undo()
    registry.foreign_layouts.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    imwrite(tmp_path / "secret.tif", np.ones((4, 4), np.uint8))
    for name in ("10A.tif", "20B.tif"):
        imwrite(tmp_path / "data" / name, np.zeros((4, 4), np.uint8))
    return tmp_path / "data"


@pytest.mark.parametrize("loaded", [Reversed, Reversed()])
def test_a_layout_of_another_package_is_asked_first(install: Any, folder: Path, loaded: Any) -> None:
    install(loaded)
    dataset = aw.open_dataset(folder)
    assert dataset.layout == "reversed"
    assert dataset.components == {"well": ("A01", "B02")}
    aw.check_layout(Reversed(), folder, {"well": ("A01", "B02")})


@pytest.mark.parametrize("loaded", [Raising, Outside, Shy, ImportError("gone"), None])
def test_what_it_does_wrong_harms_nobody(
    install: Any, folder: Path, loaded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    install(loaded)
    dataset = aw.open_dataset(folder)
    assert dataset.layout == "filenames"
    assert len(dataset) == 2
    assert bool(caplog.records) == (loaded is not Shy)


@pytest.mark.parametrize(
    ("layout", "message"), [(Shy(), "does not recognise"), (Outside(), "outside of the folder")]
)
def test_the_conformance_test_finds_what_is_wrong(folder: Path, layout: aw.Layout, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        aw.check_layout(layout, folder)
