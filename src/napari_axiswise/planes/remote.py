"""Files at addresses that fsspec knows: ``https://…``, ``s3://…`` and others."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from netrc import NetrcParseError, netrc
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ..core.errors import PlaneError, error_message, missing_package
from ..core.files import LARGEST_DOCUMENT, full_address

PATIENCE: Final = 60.0
"""Seconds to wait for a server that does not answer."""

WITH_EXTRA = ("http", "https", "s3")
"""Protocols whose packages come with the extra ``remote``."""

_ABSENT = (FileNotFoundError, PermissionError)
"""Errors of missing files. Buckets that cannot be listed answer that access is forbidden."""


def read_files(root: str, names: Sequence[str]) -> list[bytes | None]:
    """Return the contents of files below an address, all read at once; None for those that do not exist.

    Raises
    ------
    MissingPackage
        The package for the protocol is not installed.
    PlaneError
        The protocol is unknown, or a file cannot be read.
    """
    files, base = _open(root)
    # By place: `cat` answers by paths that lack the protocol, for s3 and others.
    paths = [f"{base}/{name}" for name in names]
    # Others have time limits of their own, if any.
    patience = {"timeout": PATIENCE + len(names)} if files.async_impl else {}
    try:
        contents = files.cat_ranges(paths, None, None, on_error="return", **patience)
    except Exception as error:
        raise _unreadable(root, error) from _cause(root, error)
    for name, content in zip(names, contents, strict=True):
        if isinstance(content, BaseException) and not isinstance(content, _ABSENT):
            raise _unreadable(f"{root}/{name}", content) from _cause(root, content)
    return [content if isinstance(content, bytes) else None for content in contents]


def _open(root: str) -> tuple[Any, str]:
    """Return the file system of an address, and the address as the file system writes it."""
    try:
        from fsspec.core import url_to_fs

        address, options = access(root)
        if address.startswith(("http://", "https://")):
            options = {
                "client_kwargs": {**_client_options(address, options), "response_class": _bounded_response()}
            }
        files, base = url_to_fs(address, **options)
    except ImportError as error:
        install = "napari-axiswise[remote]" if root.partition(":")[0] in WITH_EXTRA else ""
        raise missing_package(root, "a package of fsspec", install, error) from error
    except Exception as error:
        raise _unreadable(root, error) from _cause(root, error)
    return files, base.rstrip("/")


def access(root: str) -> tuple[str, dict[str, Any]]:
    """Return the address to give to fsspec, and options.

    User and password of a web address go into options, so that errors and logs of other libraries do not have them. An
    address without them gets those of ``.netrc`` or of fsspec's own configuration.
    """
    full = full_address(root)
    protocol = full.partition("://")[0].lower()
    if protocol not in ("http", "https"):
        return full, {}
    parts = urlsplit(full)
    given = (parts.username, parts.password) if "@" in parts.netloc else _login(parts.hostname or "")
    if given is None:
        return full, {}
    login = ":".join(unquote(text or "") for text in given)
    client = _client_options(full, {})
    # Not aiohttp's BasicAuth, which later versions lack.
    header = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"}
    options = {"client_kwargs": {**client, "headers": {**client.get("headers", {}), **header}}}
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), options


def _client_options(address: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options for the client of a web address: those given, or those of fsspec's configuration."""
    from fsspec.config import conf

    configured = conf.get(address.partition("://")[0].lower(), {})
    found: dict[str, Any] = {**configured, **options}.get("client_kwargs", {})
    return found


@cache
def _bounded_response() -> type[Any]:
    """Return a class of responses that end an answer as soon as it is too long, whatever its header says."""
    from aiohttp import ClientResponse

    class BoundedResponse(ClientResponse):
        async def read(self) -> bytes:
            body = bytearray()
            async for piece in self.content.iter_any():
                body += piece
                if len(body) > LARGEST_DOCUMENT:
                    self.close()
                    raise ValueError(f"it is larger than the limit of {LARGEST_DOCUMENT:,} bytes")
            return bytes(body)

    return BoundedResponse


def _login(server: str) -> tuple[str, str] | None:
    """Return user and password for a server from ``.netrc``, or None."""
    with suppress(OSError, NetrcParseError):
        found = netrc(os.environ.get("NETRC")).hosts.get(server)
        return (found[0], found[2]) if found else None
    return None


def _cause(root: str, error: BaseException) -> BaseException | None:
    """Return an error as a cause, unless it may have a password in its text."""
    return error if full_address(root) == root else None


def _unreadable(address: str, error: BaseException) -> PlaneError:
    return PlaneError(
        f"{address} cannot be read ({error_message(error)}). Check the address, your credentials and the network."
    )
