"""Paths and addresses, files and folders that others may have made, and files that are written atomically."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, Self
from urllib.parse import urlsplit
from urllib.request import url2pathname

PARTIAL: Final = ".partial"
"""Suffix of files that are still being written."""

LARGEST_DOCUMENT: Final = 64 << 20
"""Maximum size in bytes of a file that is read as a whole: metadata, recipes, plate maps."""

DEEPEST: Final = 64
"""Maximum number of JSON arrays and objects in each other."""


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


def open_regular(path: Path, limit: int | None = None) -> BinaryIO:
    """Open a file for reading if it is an ordinary file, of at most `limit` bytes.

    Raises
    ------
    OSError
        It cannot be opened, is a pipe or a device, or is larger.
    """
    # Without O_NONBLOCK, opening a pipe would wait for someone to write to it.
    flags = (
        os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
    )
    file = os.fdopen(os.open(path, flags), "rb")
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise OSError(errno.EINVAL, "It is a pipe or a device, not a file", str(path))
    if limit is not None and status.st_size > limit:
        file.close()
        raise _too_large(path, limit)
    return file


def read_regular(path: Path, limit: int = LARGEST_DOCUMENT) -> bytes:
    """Return the contents of a file; see `open_regular`."""
    with open_regular(path, limit) as file:
        # Some files of the system are longer than they say.
        content = file.read(limit + 1)
    if len(content) > limit:
        raise _too_large(path, limit)
    return content


def _too_large(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"It is larger than the limit of {limit:,} bytes", str(path))


def parse_json(text: bytes) -> Any:
    """Return the value of a JSON document.

    Raises
    ------
    ValueError
        It is no JSON, or has more than `DEEPEST` arrays and objects in each other.
    """
    if text.count(b"[") + text.count(b"{") > DEEPEST:
        depth = 0
        for token in _TOKENS.finditer(text):
            depth += _STEPS.get(token[0], 0)
            if depth > DEEPEST:
                raise ValueError(f"it has more than {DEEPEST} arrays and objects in each other")
    return json.loads(text)


_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[][{}]', re.DOTALL)
"""Texts and brackets of JSON. A text without an end is all of the rest."""

_STEPS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}


def path_below(root: str | Path, path: str | Path) -> Path:
    """Return the full path of a file or folder in a folder, if it is reached without links.

    Parameters
    ----------
    root : path
        The folder, which may itself be reached by links.
    path : path
        Relative to the folder, or below it. It need not exist.

    Raises
    ------
    OSError
        It is outside of the folder, is a link, or is in a folder that is one.
    """
    top = Path(root).absolute()
    full = top / path
    try:
        is_below = ".." not in full.parts[len(top.parts) :] and full.is_relative_to(top)
        if is_below and full.resolve() == top.resolve() / full.relative_to(top):
            return full
    except (RuntimeError, ValueError):
        # Links to each other, and texts that are no paths.
        pass
    raise OSError(
        errno.ELOOP,
        f"It is reached by a link, or is not in {top}. Replace the link by a copy, or remove it",
        str(full),
    )


def find_links(root: Path) -> Iterator[Path]:
    """Yield the links, pipes and devices in a folder and in all folders below it."""
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                # Junctions of Windows, which Python 3.11 cannot tell from folders.
                is_junction = getattr(entry, "is_junction", bool)()
                if entry.is_dir(follow_symlinks=False) and not is_junction:
                    folders.append(Path(entry.path))
                elif is_junction or not entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)


def make_folder(root: str, folder: Path) -> None:
    """Create a folder in the output folder, but never the output folder itself.

    Raises
    ------
    FileNotFoundError
        The output folder was deleted. It must not reappear with a part of its contents.
    OSError
        The folder would be outside of the output folder, or is reached by a link.
    """
    if not Path(root).is_dir():
        raise FileNotFoundError(f"The output folder {root} no longer exists. Run again.")
    path_below(root, folder).mkdir(parents=True, exist_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers never see a part of it."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{PARTIAL}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
