"""XML that microscopes write, read piece by piece: files may be large, cut short, or not what they seem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from ..core.text import printable

PIECE = 1 << 16
"""Bytes that are read at a time."""

LONGEST_TOKEN = 16 << 20
"""Bytes after which a single tag or comment is too long to be what a microscope wrote."""

LONGEST_TEXT = 1 << 14
"""Characters of a text that are kept."""

DEEPEST = 64
"""How deep elements may be nested."""


class XmlError(ValueError):
    """A file is not the XML that it should be, from some place on."""


class Element(NamedTuple):
    """An element whose end was read. What is below it came before it.

    Parameters
    ----------
    tag : str
        Its name, without a prefix.
    attributes : mapping
        By their names without prefixes.
    text : str
        The text right in it, without spaces around it.
    depth : int
        How many elements it is in.
    """

    tag: str
    attributes: Mapping[str, str]
    text: str
    depth: int


def read_elements(path: Path) -> Iterator[Element]:
    """Yield the elements of an XML file as they end, with memory for a piece of the file only.

    Entities that the file defines are refused, and so is all that it asks to be read from elsewhere.

    Raises
    ------
    XmlError
        The file cannot be read, is not well formed, or is hostile. What came before was yielded.
    """
    try:
        with path.open("rb") as file:
            yield from _parse(file)
    except OSError as error:
        raise XmlError(f"it cannot be read: {error.strerror or error}") from error
    except DefusedXmlException as error:
        raise XmlError(f"it defines or refers to entities, which no microscope does ({error})") from error
    except SAXException as error:
        raise XmlError(
            f"it is not well formed, or cut short: {printable(str(error.getMessage()))}"
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
        silent = 0 if collector.heard else silent + len(piece)
        collector.heard = False
        if silent > LONGEST_TOKEN:
            raise XmlError(f"it has a tag or comment of more than {LONGEST_TOKEN >> 20} MiB")
        yield from collector.take()
    if not size:
        raise XmlError("it is empty")
    parser.close()
    yield from collector.take()


class _Collector(ContentHandler):
    """Keeps the elements that have ended since it was last asked."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = False
        self._ended: list[Element] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self._room: list[int] = []

    def take(self) -> list[Element]:
        """Return the elements that have ended, and forget them."""
        ended, self._ended = self._ended, []
        return ended

    def startElement(self, name: str, attrs: AttributesImpl[str]) -> None:
        """Note an element."""
        self.heard = True
        if len(self._open) >= DEEPEST:
            raise XmlError(f"its elements are nested more than {DEEPEST} deep")
        attributes = {key.rpartition(":")[2]: value[:LONGEST_TEXT] for key, value in attrs.items()}
        self._open.append((name.rpartition(":")[2], attributes, []))
        self._room.append(LONGEST_TEXT)

    def characters(self, content: str) -> None:
        """Note a piece of text."""
        self.heard = True
        if self._room and self._room[-1] > 0:
            self._open[-1][2].append(content[: self._room[-1]])
            self._room[-1] -= len(content)

    def endElement(self, name: str) -> None:
        """Note that an element is whole."""
        self.heard = True
        tag, attributes, texts = self._open.pop()
        self._room.pop()
        self._ended.append(Element(tag, attributes, "".join(texts).strip(), len(self._open)))
