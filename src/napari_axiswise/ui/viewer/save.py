"""The writer of *Save Result As…*: copies the output folder of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...runs.result import open_result
from ..plate.layer import PLATE
from .layers import RESULT

LayerData = tuple[Any, dict[str, Any], str]


def write_result(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Copy the output of the run behind some layers to a folder.

    Parameters
    ----------
    path : str
        An empty or new folder.
    layers : sequence of layer data
        At least one layer with a result, all of the same run; other layers are ignored.

    Returns
    -------
    list of str
        The folder.

    Raises
    ------
    ValueError
        No layer has a result, or the results are of several runs.
    FileExistsError
        The folder is not empty.
    OSError
        The folder cannot be written to.
    """
    kept = (metadata.get("metadata", {}) for _, metadata, _ in layers)
    results = (own.get(RESULT) or own.get(PLATE) for own in kept)
    outputs = list(dict.fromkeys(result["output"] for result in results if result is not None))
    if not outputs:
        raise ValueError(
            "None of these layers is the result of a run. Select one that is, such as labels made by a run."
        )
    if len(outputs) > 1:
        raise ValueError(
            f"These layers are results of {len(outputs)} runs. Select the layers of one run at a time."
        )
    return [str(open_result(outputs[0]).save(Path(path)))]
