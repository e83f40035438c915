"""The store through which arrays of others are read: what Zarr gets from it has been checked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from ...core.errors import PlaneError
from ...core.files import LARGEST_DOCUMENT, is_address
from ..remote import access
from .codecs import SLACK, check_array

ARRAY_METADATA: Final = ("zarr.json", ".zarray")
"""Files with the metadata of an array."""


class CheckedStore(WrapperStore[Store]):
    """Store of one array, read-only, whose metadata are checked before Zarr sees them.

    Links out of the folder, pipes and devices are not followed, and files that are larger than a chunk can be are not
    read.

    Parameters
    ----------
    root : str
        Folder or address.
    """

    def __init__(self, root: str) -> None:
        self._folder = None if is_address(root) else Path(root).resolve()
        self._largest = LARGEST_DOCUMENT
        if self._folder is None:
            address, options = access(root)
            super().__init__(FsspecStore.from_url(address, options, read_only=True))
        else:
            super().__init__(LocalStore(self._folder, read_only=True))

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return a file, or a part of it; None if it does not exist."""
        if self._folder is not None:
            self._check_file(self._folder, key, is_whole=byte_range is None)
        found = await super().get(key, prototype, byte_range)
        if found is None or key.rpartition("/")[2] not in ARRAY_METADATA:
            return found
        metadata, size = check_array(found.to_bytes())
        # A shard has an index, of 16 bytes for each of its chunks.
        self._largest = max(LARGEST_DOCUMENT, 16 * size + SLACK)
        return prototype.buffer.from_bytes(metadata)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """Return parts of files."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    def _check_file(self, folder: Path, key: str, is_whole: bool) -> None:
        path = folder / key
        if not path.resolve().is_relative_to(folder):
            raise PlaneError(
                f"{path} is a link out of the plate, which is not followed. Copy the file into it."
            )
        with suppress(FileNotFoundError, NotADirectoryError):
            status = os.stat(path)  # noqa: PTH116 (the same for a path, and for every chunk)
            if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
                raise PlaneError(f"{path} is a pipe or a device, not a file.")
            if is_whole and status.st_size > self._largest:
                raise PlaneError(
                    f"{path} has {status.st_size:,} bytes, more than a chunk of its array can have."
                )
