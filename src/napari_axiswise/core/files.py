"""Folders of an output, and files that are written atomically."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Final

PARTIAL: Final = ".partial"
"""Suffix of files that are still being written."""


def make_folder(root: str, folder: Path) -> None:
    """Create a folder in the output folder, but never the output folder itself.

    Raises
    ------
    FileNotFoundError
        The output folder was deleted. It must not reappear with a part of its contents.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"The output folder {root} no longer exists. Run again.")
    folder.mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers never see a part of it."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
