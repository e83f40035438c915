"""What opening a folder reads, and that it runs no code from it."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from image_files import write_images

from napari_axiswise import open_dataset
from napari_axiswise.core.errors import PlaneError
from napari_axiswise.datasets import headers
from napari_axiswise.planes.images import read_plane


def test_opening_reads_each_header_once(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    read_header = headers.read_header

    def count(path: Path) -> Any:
        read.append(path)
        return read_header(path)

    monkeypatch.setattr(headers, "read_header", count)
    dataset = open_dataset(plate)
    assert len(dataset) == 24
    assert sorted(read) == sorted(set(map(Path, dataset.planes["path"].map(plate.resolve().joinpath))))


def test_opening_reads_no_pixels(plate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    dataset = open_dataset(plate)
    assert (dataset.shape, dataset.dtype) == ((48, 48), np.uint16)
    assert (dataset.pixel_size, dataset.unit) == ((0.65, 0.65), "micrometer")
    assert len(dataset.planes) == 24


def test_changes_in_a_folder_are_seen_on_reopening_only(tmp_path: Path) -> None:
    write_images(tmp_path, ["B02_s1.tif"])
    dataset = open_dataset(tmp_path)
    write_images(tmp_path, ["B02_s2.tif"])
    assert dataset.components["site"] == ("1",)
    assert dataset.reopen is not None
    assert dataset.reopen().components["site"] == ("1", "2")


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def write_bombs(folder: Path, trace: Path) -> Sequence[Path]:
    array = np.empty((2, 3, 4), dtype=object)
    array[...] = Bomb(trace)
    np.save(folder / "bomb.npy", array, allow_pickle=True)
    (folder / "bomb.tif").write_bytes(pickle.dumps(Bomb(trace)))
    (folder / "shot.png").write_bytes((folder / "bomb.npy").read_bytes())
    (folder / "bomb.pkl").write_bytes(pickle.dumps(Bomb(trace)))
    return [folder / name for name in ("bomb.npy", "bomb.tif", "shot.png", "bomb.pkl")]


def test_opening_and_reading_unpickle_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "unpickled"
    folder = tmp_path / "data"
    write_images(folder, ["a.tif"])
    bombs = write_bombs(folder, trace)
    assert len(open_dataset(folder)) == 3
    for bomb in bombs:
        with pytest.raises(PlaneError, match=bomb.name):
            open_dataset(bomb)
        with pytest.raises(PlaneError, match=bomb.name):
            read_plane(str(bomb), 0)
    assert not trace.exists()
    pickle.loads(bombs[-1].read_bytes())
    assert trace.exists(), "the bomb works"


ENTITIES = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "description",
    [
        f'<?xml version="1.0"?>{ENTITIES}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        "<Image><Pixels/></Image>&b;</OME>",
        f"<MetaData>{ENTITIES}<prop id='&b;'/></MetaData>",
    ],
    ids=["ome", "metaseries"],
)
def test_xml_entities_are_refused(tmp_path: Path, description: str) -> None:
    path = tmp_path / "x.ome.tif"
    tifffile.imwrite(path, np.zeros((5, 6), np.uint16), description=description, metadata=None)
    with pytest.raises(PlaneError, match=r"x\.ome\.tif"):
        open_dataset(path)


def test_a_file_that_an_ome_tiff_refers_to_is_not_opened(tmp_path: Path) -> None:
    write_images(tmp_path, ["secret.tif"])
    folder = tmp_path / "plate"
    folder.mkdir()
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels DimensionOrder="XYCZT" ID="Pixels:0" Type="uint16"'
        ' SizeX="6" SizeY="5" SizeC="1" SizeZ="1" SizeT="2"><TiffData FirstT="0" IFD="0"/>'
        '<TiffData FirstT="1" IFD="0"><UUID FileName="../secret.tif">urn:uuid:1</UUID>'
        "</TiffData></Pixels></Image></OME>"
    )
    tifffile.imwrite(folder / "x.ome.tif", np.zeros((5, 6), np.uint16), description=xml, metadata=None)
    dataset = open_dataset(folder)
    assert len(dataset) == 1
    assert dataset.read().max() == 0
