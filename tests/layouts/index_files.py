"""Index files of Operetta (Harmony) and Yokogawa."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np
import tifffile

from napari_axiswise.layouts.folder import Folder
from napari_axiswise.layouts.layout import FoundPlanes, Layout
from napari_axiswise.layouts.vendors.operetta import Operetta
from napari_axiswise.layouts.vendors.yokogawa import Yokogawa

LAYOUTS: tuple[Layout, ...] = (Operetta(), Yokogawa())
V5, V6 = (f"http://www.perkinelmer.com/PEHH/HarmonyV{version}" for version in (5, 6))
BTS = "http://www.yokogawa.co.jp/BTS/BTSSchema/1.0"
IDX, MLF, MRF = "Images/Index.idx.xml", "MeasurementData.mlf", "MeasurementDetail.mrf"

Fields = Mapping[str, str]

NAMED = "r03c04f01p01-ch1sk1fk1fl1.tiff"
"""The name of an image as Harmony gives it."""


def harmony_image(**fields: str) -> Fields:
    """Return the fields of an image of Harmony 5, at least those that the planes need."""
    told = {"State": "Ok", "Row": "3", "Col": "4", "FieldID": "1", "PlaneID": "1", "TimepointID": "0"}
    told |= {"ChannelID": "1"} | fields
    numbers = {key: int(told[key]) if told.get(key, "").isdecimal() else 0 for key in told}
    url = "r{Row:02d}c{Col:02d}f{FieldID:02d}p{PlaneID:02d}-ch{ChannelID}sk{sk}fk1fl1.tiff"
    return {"URL": url.format(**(dict.fromkeys(told, 0) | numbers), sk=numbers["TimepointID"] + 1)} | told


def harmony(
    images: Iterable[Fields], entries: Mapping[str, Fields] | None = None, namespace: str = V5
) -> str:
    """Return an index file of Harmony."""

    def children(fields: Fields) -> str:
        return "".join(f"<{tag}>{escape(text)}</{tag}>" for tag, text in fields.items())

    maps = "".join(
        f"<Entry ChannelID={quoteattr(c)}>{children(fields)}</Entry>" for c, fields in (entries or {}).items()
    )
    records = "".join(f'<Image Version="1">{children(fields)}</Image>\n' for fields in images)
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<EvaluationInputData xmlns="{namespace}">'
        "<Wells><Well><id>0304</id><Row>3</Row><Col>4</Col><Image id='a'/></Well></Wells>"
        f"<Maps><Map>{maps}</Map></Maps><Images>\n{records}</Images></EvaluationInputData>"
    )


def record(text: str, **attributes: str) -> str:
    """Return a record of Yokogawa; an attribute that is to be left out is given empty."""
    told = {"Type": "IMG", "Row": "2", "Column": "3", "FieldIndex": "1", "ZIndex": "1", "TimePoint": "1"}
    told |= {"Ch": "1", "X": "1.5", "Y": "2.5", "Z": "0.0"} | attributes
    written = " ".join(f"bts:{key}={quoteattr(value)}" for key, value in told.items() if value)
    return f"<bts:MeasurementRecord {written}>{escape(text)}</bts:MeasurementRecord>"


def yokogawa(records: Iterable[str]) -> str:
    """Return a MeasurementData.mlf."""
    body = "\n".join(records)
    return f'<bts:MeasurementData bts:Version="1.0" xmlns:bts="{BTS}">\n{body}\n</bts:MeasurementData>'


def write(folder: Path, texts: Mapping[str, str], images: Iterable[str] = ()) -> Folder:
    """Write text files, and images of a few pixels."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for image in images:
        (folder / image).parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / image, np.zeros((4, 5), np.uint16))
    return Folder(folder)


def rows(found: FoundPlanes | None) -> dict[str, dict[str, str]]:
    """Return the component values of each file."""
    assert found is not None
    return {
        file: {name: column.texts[column.codes[row]] for name, column in found.filled_columns.items()}
        for row, file in enumerate(found.files)
    }


def reasons(found: FoundPlanes | None) -> dict[str, str]:
    assert found is not None
    return {problem.path: problem.reason for problem in found.problems}


def values(
    well: str, site: str = "1", timepoint: str = "1", channel: str = "1", z_index: str = "1"
) -> dict[str, str]:
    return {"well": well, "site": site, "timepoint": timepoint, "channel": channel, "z_index": z_index}
