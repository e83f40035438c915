"""The output folder: checking it before a run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ..core.files import find_links, parse_json, path_below, read_regular
from ..core.grid import OWN
from ..core.text import join_names
from .run_log.lines import DESCRIPTION, RUN_LOG

Mode = Literal["new", "resume", "read"]
"""How a folder is used: it must be empty; it may hold a run, which is resumed; it is only read."""


def is_run(folder: Path) -> bool:
    """Return whether a folder is the output of a run, even of one that has hardly begun."""
    if (folder / RUN_LOG / DESCRIPTION).is_file():
        return True
    names = {path.name for path in folder.iterdir()}
    return names <= {"zarr.json", RUN_LOG} and ("zarr.json" not in names or OWN in read_attributes(folder))


def read_attributes(folder: Path) -> Mapping[str, Any]:
    """Return the attributes of a Zarr group, or none if they cannot be read."""
    try:
        return dict(parse_json(read_regular(path_below(folder, "zarr.json")))["attributes"])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def prepare_folder(output: Path, mode: Mode) -> Path:
    """Return the absolute output folder, created if necessary, after checking that it can be used in this mode."""
    path = output.expanduser().resolve()
    if mode == "read":
        return path
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()) and not (mode == "resume" and is_run(path)):
            if is_run(path):
                advice = "It holds a run: resume it, or choose another folder"
            else:
                advice = "Choose another, or delete its contents first"
            raise FileExistsError(f"The output folder {path} is not empty. {advice}.")
        with tempfile.TemporaryFile(dir=path):
            pass
        links = [str(link) for link in find_links(path)] if mode == "resume" else []
        if links:
            # They could lead anywhere, and the run would write there.
            raise FileExistsError(
                f"The output folder {path} has links, pipes or devices: {join_names(links)}. Replace them by copies, "
                "or remove them."
            )
    except FileExistsError as error:
        if path.is_dir():
            raise
        raise NotADirectoryError(f"The output folder {path} is a file. Choose another.") from error
    except OSError as error:
        raise type(error)(
            f"The output folder {path} cannot be written to ({error.strerror or error}). "
            "Choose another, or change its permissions."
        ) from error
    return path
