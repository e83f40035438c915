"""JSON metadata of a Zarr store, of version 2 or 3, in a folder or at an address."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.files import LARGEST_DOCUMENT, is_address, parse_json, read_regular
from ...planes.remote import read_files

Attributes = Mapping[str, Any]


class ZarrMetadata:
    """Reader of the metadata of groups and arrays, many at once where that is faster.

    Parameters
    ----------
    root : str
        A folder, or an address that fsspec knows: ``https://…``, ``s3://…``.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def attributes(self, paths: Sequence[str]) -> dict[str, Attributes]:
        """Return the attributes of groups by path, in the structure of OME-Zarr 0.4.

        Parameters
        ----------
        paths : sequence of str
            Paths that are empty or end with ``/``. Those without readable metadata are left out of the result.

        Raises
        ------
        PlaneError
            The address cannot be read.
        """
        found: dict[str, Attributes] = {}
        for path, document in self._documents(paths, "zarr.json").items():
            attributes = document.get("attributes")
            if isinstance(attributes, dict):
                ome = attributes.get("ome")
                found[path] = {**attributes, **(ome if isinstance(ome, dict) else {})}
        found.update(self._documents([path for path in paths if path not in found], ".zattrs"))
        return found

    def array(self, path: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Return the shape and dtype of an array.

        Raises
        ------
        ValueError
            The array has no metadata, or is not an image.
        """
        found = self.arrays([path])[path]
        if isinstance(found, ValueError):
            raise found
        return found

    def arrays(self, paths: Sequence[str]) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]] | ValueError]:
        """Return the shape and dtype of each array, or the error that `array` raises for it."""
        documents = self._documents([f"{path}/" for path in paths], "zarr.json")
        rest = [f"{path}/" for path in paths if f"{path}/" not in documents]
        documents |= self._documents(rest, ".zarray")
        found: dict[str, tuple[tuple[int, ...], np.dtype[Any]] | ValueError] = {}
        for path in paths:
            try:
                found[path] = _shape_and_type(documents.get(f"{path}/"))
            except ValueError as error:
                found[path] = error
        return found

    def texts(self, paths: Sequence[str], name: str) -> Iterable[tuple[str, bytes]]:
        """Yield the contents of the files of this name at each path, where there is one that can be read."""
        return self._read_remote(paths, name) if is_address(self.root) else self._read_local(paths, name)

    def _documents(self, paths: Sequence[str], name: str) -> dict[str, dict[str, Any]]:
        found = {}
        for path, text in self.texts(paths, name):
            try:
                document = parse_json(text)
            except ValueError:
                continue
            if isinstance(document, dict):
                found[path] = document
        return found

    def _read_local(self, paths: Iterable[str], name: str) -> Iterable[tuple[str, bytes]]:
        root = Path(self.root).resolve()
        for path in paths:
            file = root / path / name
            try:
                if file.resolve().is_relative_to(root):
                    yield path, read_regular(file)
            except (OSError, RuntimeError):
                continue

    def _read_remote(self, paths: Sequence[str], name: str) -> Iterable[tuple[str, bytes]]:
        texts = read_files(self.root, [f"{path}{name}" for path in paths]) if paths else []
        for path, text in zip(paths, texts, strict=True):
            if text is not None and len(text) <= LARGEST_DOCUMENT:
                yield path, text


def _shape_and_type(document: Attributes | None) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if document is None:
        raise ValueError("its array has no metadata")
    shape, text = document.get("shape"), document.get("data_type", document.get("dtype"))
    if (
        isinstance(shape, list)
        and len(shape) >= 2
        and all(isinstance(length, int) and length > 0 for length in shape)
        and isinstance(text, str)
    ):
        return tuple(shape), _pixel_type(text)
    raise ValueError(f"its array has shape {shape} and type {text}, which is not an image")


def _pixel_type(text: str) -> np.dtype[Any]:
    try:
        dtype = np.dtype(text)
    except TypeError:
        dtype = np.dtype(object)
    if dtype.kind not in "biufc":
        raise ValueError(f"its array has type {text}, which is not an image")
    return dtype
