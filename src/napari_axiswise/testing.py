"""For those who write a layout: the one test that all layouts pass."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

from .core.components import normalize_value
from .datasets.opening import open_folder
from .layouts.folder import Folder
from .layouts.layout import FoundPlanes, Layout


def check_layout(
    layout: Layout, folder: str | Path, expected: dict[str, tuple[str, ...]] | None = None
) -> FoundPlanes:
    """Check that a layout does what datasets, tasks and reports rely on.

    Parameters
    ----------
    layout : Layout
        What is checked.
    folder : path
        A folder that is laid out so, with whole files.
    expected : dict, optional
        The components and values that it has.

    Returns
    -------
    FoundPlanes
        What the layout found.

    Raises
    ------
    AssertionError
        It does not. The message says what is wrong.

    Examples
    --------
    >>> from napari_axiswise.layouts.vendors.imagexpress import ImageXpress
    >>> expected = {"well": ("B02", "B03"), "site": ("1", "2"), "timepoint": ("1", "2"), "channel": ("1",)}
    >>> len(aw.check_layout(ImageXpress(), "sample-plate", expected).files)
    8
    """
    root = Path(folder).resolve()
    found = layout.find(Folder(root))
    assert layout.name, "a layout has a name"
    assert found is not None, f"{layout.name} does not recognise {root}"
    rows = len(found.files) if found.file_codes is None else len(found.file_codes)
    for name, column in found.filled_columns.items():
        assert len(column) == rows, f"the column {name!r} has {len(column)} rows, not {rows}"
        assert name.isidentifier(), f"{name!r} is no name of a component"
    _check_files(found, root)
    again = layout.find(Folder(root))
    assert again is not None, "it does not recognise the folder the second time"
    assert list(again.files) == list(found.files), "it finds other files the second time"
    _check_dataset(layout, root, expected)
    return found


def _check_files(found: FoundPlanes, root: Path) -> None:
    for file in found.files:
        inside = (root / file).resolve().is_relative_to(root)
        assert inside, f"{file!r} is outside of the folder"
        assert not Path(file).is_absolute(), f"{file!r} is not relative to the folder"
    for problem in found.problems:
        assert problem.reason, f"{problem.path!r} is a problem without a reason"


def _check_dataset(layout: Layout, root: Path, expected: dict[str, tuple[str, ...]] | None) -> None:
    dataset = open_folder(root, (layout,))
    assert dataset.layout == layout.name
    assert len(dataset), "there are no planes"
    for name, values in dataset.components.items():
        for value in values:
            assert value == normalize_value(name, value), f"{name} {value!r} is not spelled as everywhere"
    if expected is not None:
        assert dataset.components == expected, f"its components are {dataset.components}, not {expected}"
    spread = np.linspace(0, len(dataset) - 1, min(5, len(dataset))).astype(int).tolist()
    for row in spread:
        plane = dataset.index.read(row)
        assert plane.shape == dataset.shape, f"plane {row} has shape {plane.shape}, not {dataset.shape}"
        assert plane.dtype == dataset.dtype, f"plane {row} is {plane.dtype}, not {dataset.dtype}"
    task = pickle.loads(pickle.dumps(dataset.index.select(np.array(spread))))
    for place, row in enumerate(spread):
        same = np.array_equal(task.read(place), dataset.index.read(row))
        assert same, f"plane {row} has other pixels in a worker"
    assert str(dataset.report())
