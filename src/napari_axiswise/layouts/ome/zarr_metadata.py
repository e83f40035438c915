"""JSON metadata of a Zarr store, of version 2 or 3, in a folder or at an address."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import PlaneError, missing_package
from ...core.files import is_address

Attributes = Mapping[str, Any]

_ABSENT = (FileNotFoundError, PermissionError)
"""Errors of missing documents. Buckets that cannot be listed answer that access is forbidden."""

LARGEST_DOCUMENT = 64 << 20
"""Maximum size of a document in bytes."""


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

    def _documents(self, paths: Sequence[str], name: str) -> dict[str, dict[str, Any]]:
        texts = self._read_remote(paths, name) if is_address(self.root) else self._read_local(paths, name)
        found = {}
        for path, text in texts:
            try:
                document = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict):
                found[path] = document
        return found

    def _read_local(self, paths: Iterable[str], name: str) -> Iterable[tuple[str, bytes]]:
        root = Path(self.root).resolve()
        for path in paths:
            file = root / path / name
            try:
                if file.resolve().is_relative_to(root) and file.stat().st_size <= LARGEST_DOCUMENT:
                    yield path, file.read_bytes()
            except (OSError, RuntimeError):
                continue

    def _read_remote(self, paths: Sequence[str], name: str) -> Iterable[tuple[str, bytes]]:
        addresses = {f"{self.root}/{path}{name}": path for path in paths}
        if not addresses:
            return []
        found = self._files.cat(list(addresses), on_error="return")
        texts = []
        for address, text in found.items():
            if isinstance(text, bytes) and len(text) <= LARGEST_DOCUMENT:
                texts.append((addresses[address], text))
            elif not isinstance(text, (bytes, *_ABSENT)):
                raise PlaneError(
                    f"{address} cannot be read ({type(text).__name__}: {text}). Check the address."
                )
        return texts

    @cached_property
    def _files(self) -> Any:
        try:
            from fsspec.core import url_to_fs

            return url_to_fs(self.root)[0]
        except ImportError as error:
            with_extra = self.root.partition(":")[0] in ("http", "https", "s3")
            install = "napari-axiswise[remote]" if with_extra else ""
            raise missing_package(self.root, "a package of fsspec", install, error) from error


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
