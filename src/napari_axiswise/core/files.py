"""Folders and files that others see whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
"""The ending of a file that is not whole yet."""


def make_folder(root: str, folder: Path) -> None:
    """Make a folder below the output, but never the output itself: once that is gone, nothing is to come back.

    Raises
    ------
    FileNotFoundError
        The output is gone.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"The output folder {root} is not there any more. Run again.")
    folder.mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
