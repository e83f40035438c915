"""Save result as…: the output of a run, from the layers that show it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...runs.result import open_result
from ..plate.layer import PLATE
from .layers import RESULT

LayerData = tuple[Any, dict[str, Any], str]


def write_result(path: str, layers: Sequence[LayerData]) -> list[str]:
    """Copy the output of the run that layers show to a folder.

    Parameters
    ----------
    path : str
        A folder that is empty or does not exist.
    layers : sequence of layer data
        Of one run, one layer at least; other layers are of no account.

    Returns
    -------
    list of str
        The folder.

    Raises
    ------
    ValueError
        No layer shows a result, or they show those of several runs.
    FileExistsError
        There is something in the folder.
    OSError
        It cannot be written to.
    """
    kept = (metadata.get("metadata", {}) for _, metadata, _ in layers)
    made = (own.get(RESULT) or own.get(PLATE) for own in kept)
    outputs = list(dict.fromkeys(result["output"] for result in made if result is not None))
    if not outputs:
        raise ValueError(
            "None of these layers is the result of a run. Select one that is, such as the labels that a run has made."
        )
    if len(outputs) > 1:
        raise ValueError(
            f"These layers are the results of {len(outputs)} runs. Select those of one, and save each on its own."
        )
    return [str(open_result(outputs[0]).save(Path(path)))]
