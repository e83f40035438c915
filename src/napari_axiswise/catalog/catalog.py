"""Catalog: all offers, and a search through them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from .built_in import built_in_offers
from .console import console_offers
from .files import file_offers, named_offer
from .offer import Offer
from .plugins import plugin_offers
from .scikit_image import scikit_image_offers

_NAMED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True)
class Catalog:
    """Functions that can be steps, and those that cannot, with the reason.

    Parameters
    ----------
    offers : tuple of Offer
        All offers, grouped by source.
    """

    offers: tuple[Offer, ...] = ()

    @classmethod
    def everything(cls, files: Iterable[str | os.PathLike[str]] = ()) -> Catalog:
        """Return the functions marked with `step`, the built-in steps, and those of files, scikit-image and plugins.

        Imports only the built-in steps. Takes some tenths of a second, most of it to read the plugins' manifests.

        Parameters
        ----------
        files : iterable of path
            Python files whose functions are included.

        Raises
        ------
        FileNotFoundError, ValueError
            A file does not exist, or Python cannot import a file of that name.
        """
        own = chain.from_iterable(map(file_offers, files))
        return cls((*console_offers(), *built_in_offers(), *own, *scikit_image_offers(), *plugin_offers()))

    def __iter__(self) -> Iterator[Offer]:
        return iter(self.offers)

    def __len__(self) -> int:
        return len(self.offers)

    @property
    def sources(self) -> dict[str, list[Offer]]:
        """The offers, grouped by source."""
        sources: dict[str, list[Offer]] = {}
        for offer in self.offers:
            sources.setdefault(offer.source, []).append(offer)
        return sources

    def __getitem__(self, path: str) -> Offer:
        for offer in self.offers:
            if offer.path == path:
                return offer
        return named_offer(path)

    def search(self, text: str) -> list[Offer]:
        """Return the offers that contain every word of a text, best match first.

        The start of a name ranks highest, then the start of a word in the name, any other part of the name, the
        source, and the summary. A text such as ``my_module:segment`` finds that function in any module.

        Parameters
        ----------
        text : str
            Words to search for. Case is ignored, and ``_`` equals a space. If empty, all offers are returned.
        """
        words = _plain(text).split()
        ranks = [(_rank(offer, words), number) for number, offer in enumerate(self.offers)]
        found = [
            self.offers[number] for rank, number in sorted((rank, n) for rank, n in ranks if rank is not None)
        ]
        named = text.strip()
        if _NAMED.fullmatch(named):
            return [self[named], *(offer for offer in found if offer.path != named)]
        return found


def find_functions(text: str = "", files: Iterable[str | os.PathLike[str]] = ()) -> list[Offer]:
    """Find functions that can be steps.

    Parameters
    ----------
    text : str
        Words in the name, the source or the summary; or ``module:name``. If empty, all functions are returned.
    files : iterable of path
        Python files whose functions are included.

    Returns
    -------
    list of Offer
        Best match first. `Offer.step` makes a step; `Offer.reason` says why a function cannot be one.

    Raises
    ------
    FileNotFoundError, ValueError
        A file does not exist, or Python cannot import a file of that name.

    Examples
    --------
    >>> import napari_axiswise as aw
    >>> found = aw.find_functions("white tophat")
    >>> found[0].path
    'skimage.morphology:white_tophat'
    >>> [parameter.name for parameter in found[0].signature.parameters]
    ['mode', 'cval']
    >>> found[0].step(name="background").name
    'background'
    >>> print(aw.find_functions("skimage.filters:threshold_otsu")[0].reason)
    It returns a float. A step returns an image, labels, points, or a table such as a dict of columns.
    """
    return Catalog.everything(files).search(text)


def _rank(offer: Offer, words: Sequence[str]) -> int | None:
    """Return the rank of an offer, 0 for the best; None if it lacks a word."""
    function = offer.path.rpartition(":")[2]
    names = [_plain(offer.name), _plain(function)]
    total = 0
    for word in words:
        if any(name.startswith(word) for name in names):
            continue
        if any(f" {word}" in name for name in names):
            total += 1
        elif any(word in name for name in names):
            total += 2
        elif word in _plain(offer.source):
            total += 3
        elif word in _plain(f"{offer.summary} {offer.path}"):
            total += 4
        else:
            return None
    return total


def _plain(text: str) -> str:
    return text.casefold().replace("_", " ")
