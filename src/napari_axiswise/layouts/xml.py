"""Streaming reader of microscopes' XML files, which may be large, truncated or hostile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from ..core.files import open_regular
from ..core.text import printable

PIECE = 1 << 16
"""Bytes to read at a time."""

LONGEST_TOKEN = 16 << 20
"""Maximum size of a tag or comment in bytes."""

LONGEST_TEXT = 1 << 14
"""Characters of a text to keep."""

DEEPEST = 64
"""Maximum depth of nested elements."""


class XmlError(ValueError):
    """Error in an XML file; elements before it may have been read."""


class Element(NamedTuple):
    """XML element that has ended. Its children come before it.

    Parameters
    ----------
    tag : str
        Name without prefix.
    attributes : mapping
        Attributes by name without prefix.
    text : str
        Text of the element itself, stripped.
    depth : int
        Number of elements that contain it.
    """

    tag: str
    attributes: Mapping[str, str]
    text: str
    depth: int


def read_elements(path: Path) -> Iterator[Element]:
    """Yield the elements of an XML file as they end, with only a part of the file in memory.

    Entities and external references are refused.

    Raises
    ------
    XmlError
        The file cannot be read, is not well formed, or is hostile. Earlier elements have been yielded.
    """
    try:
        with open_regular(path) as file:
            yield from _parse(file)
    except OSError as error:
        raise XmlError(f"it cannot be read: {error.strerror or error}") from error
    except DefusedXmlException as error:
        raise XmlError(f"it contains entities, which microscopes do not write ({error})") from error
    except SAXException as error:
        raise XmlError(
            f"it is not well formed or is truncated: {printable(str(error.getMessage()))}"
        ) from error
    except (ValueError, LookupError) as error:
        raise XmlError(str(error)) from error


def _parse(file: IO[bytes]) -> Iterator[Element]:
    collector = _Collector()
    parser = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(collector)
    silent, size = 0, 0
    while piece := file.read(PIECE):
        parser.feed(piece)
        size += len(piece)
        silent = 0 if collector.active else silent + len(piece)
        collector.active = False
        if silent > LONGEST_TOKEN:
            raise XmlError(f"it has a tag or comment of more than {LONGEST_TOKEN >> 20} MiB")
        yield from collector.drain()
    if not size:
        raise XmlError("it is empty")
    parser.close()
    yield from collector.drain()


class _Collector(ContentHandler):
    """Handler that collects elements until they are drained."""

    def __init__(self) -> None:
        super().__init__()
        self.active = False
        self._ended: list[Element] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._room: list[int] = []

    def drain(self) -> list[Element]:
        """Return and remove the elements that have ended."""
        ended, self._ended = self._ended, []
        return ended

    def startElement(self, name: str, attrs: AttributesImpl[str]) -> None:
        """Open an element."""
        self.active = True
        if len(self._open) >= DEEPEST:
            raise XmlError(f"its elements are nested more than {DEEPEST} deep")
        attributes = {key.rpartition(":")[2]: value[:LONGEST_TEXT] for key, value in attrs.items()}
        self._open.append((name.rpartition(":")[2], attributes, []))
        self._room.append(LONGEST_TEXT)

    def characters(self, content: str) -> None:
        """Add text to the open element."""
        self.active = True
        if self._room and self._room[-1] > 0:
            self._open[-1][2].append(content[: self._room[-1]])
            self._room[-1] -= len(content)

    def endElement(self, name: str) -> None:
        """Close an element."""
        self.active = True
        tag, attributes, texts = self._open.pop()
        self._room.pop()
        self._ended.append(Element(tag, attributes, "".join(texts).strip(), len(self._open)))
