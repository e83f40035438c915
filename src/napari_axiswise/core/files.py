"""Paths and addresses, folders of an output, and files that are written atomically."""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

PARTIAL: Final = ".partial"
"""Suffix of files that are still being written."""


def is_address(path: str) -> bool:
    """Return whether a text is a URL rather than a path."""
    return "://" in path


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s'\"<>]+")
_SECRET = re.compile(
    r"(?<=[?&;#])([\w.%-]*(signature|token|secret|password|passwd|credentials?|accesskeyid)|"
    r"([\w.%-]*[-_.])?(sig|pass|pwd|key|apikey|secretkey|auth|authorization|jwt))=[^&;#]*[&;]?",
    re.IGNORECASE,
)
"""Parameters of an address that give access: those of signed addresses, and the usual ones of tokens."""


class Address(str):
    """Address of which everybody sees the public part, without passwords and tokens.

    As a text it is the public part, so that nothing that prints or stores it gives the secrets away. A pickle of it
    has them, for worker processes.

    Parameters
    ----------
    full : str
        The address with what is needed to open it.
    """

    full: str

    def __new__(cls, full: str) -> Self:
        """Create an address."""
        address = super().__new__(cls, _without_secrets(full))
        address.full = getattr(full, "full", full)
        return address

    def __reduce__(self) -> tuple[type[Address], tuple[str]]:
        return Address, (self.full,)


def full_address(address: str) -> str:
    """Return an address with its passwords and tokens, if they are known."""
    return address.full if isinstance(address, Address) else address


def hide_secrets(text: str) -> str:
    """Return a text without the passwords and tokens of the addresses in it."""
    return _ADDRESS.sub(lambda match: _without_secrets(match[0]), text) if "://" in text else text


def _without_secrets(address: str) -> str:
    # zip://plate.zarr::https://user:password@server/plates.zip is a chain of addresses.
    return "::".join(map(_public, re.split(r"::(?=[A-Za-z][\w+.-]*:/)", address)))


def _public(address: str) -> str:
    """Return an address without user and password, and without parameters that give access."""
    scheme, separator, rest = address.partition("://")
    server, path = re.match(r"([^/?#]*)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    if "@" not in server and "@" in path and not re.fullmatch(r"\[.*|[^:]*(:[0-9]*)?", server):
        server, path = rest, ""  # the password has a slash
    user, at, host = server.rpartition("@")
    # For http the user may be a token; elsewhere it may be needed to find the place, as in abfs://container@account.
    name, _, _ = user.partition(":")
    keeps_name = at and name and not scheme.lower().endswith(("http", "https"))
    public = _SECRET.sub("", path)
    if public != path:
        public = re.sub(r"[?&;]+(?=#|$)", "", public).rstrip("#")
    return f"{scheme}{separator}{name + at if keeps_name else ''}{host}{public}"


def as_address(path: str | Path) -> str | Path:
    """Restore the double slash of an address that was converted to a path."""
    # Path("s3://bucket") is s3:/bucket, and on Windows s3:\bucket. In C:\data, C is no scheme but a drive.
    if isinstance(path, Address):
        return path
    scheme = re.match(r"((?:\w+::)*)([A-Za-z][A-Za-z0-9+.-]+):[/\\](?=[^/\\])", str(path))
    if not scheme:
        return path
    slashes = "///" if scheme[2] == "file" else "//"  # after these, an address of a file has no server
    rest = str(path)[scheme.end() :].replace("\\", "/")
    return f"{scheme[1]}{scheme[2]}:{slashes}{rest}"


def full_path(folder: Path, path: str) -> str:
    """Return the full path of one that is relative to a folder, and an address as it is."""
    return path if is_address(path) else str((folder / Path(path).expanduser()).resolve())


def local_path(address: str) -> Path | None:
    """Return the path of an address of a file of this computer, ``file://…``; None for other addresses."""
    parts = urlsplit(address)
    if parts.scheme not in ("file", "local"):
        return None
    server = "" if parts.netloc in ("", "localhost") else f"//{parts.netloc}"
    return Path(url2pathname(f"{server}{parts.path}"))


def check_local(path: str | os.PathLike[str], use: str) -> None:
    """Check that a folder is on this computer.

    Parameters
    ----------
    path : path
        The path.
    use : str
        What the folder is, for the message: ``"The output folder"``.

    Raises
    ------
    ValueError
        It is an address, for which a folder called ``s3:`` would be created.
    """
    address = str(as_address(os.fspath(path)))
    if is_address(address):
        raise ValueError(
            f"{use} cannot be at the address {hide_secrets(address)}: it has to be on a disk of this computer. "
            "Choose a path, and copy the folder from or to the address yourself."
        )


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
