"""Catalog: all offers, and those that are looked for."""

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
    """Functions that can be steps, and those that cannot with the reason why.

    Parameters
    ----------
    offers : tuple of Offer
        In the order of their sources.
    """

    offers: tuple[Offer, ...] = ()

    @classmethod
    def everything(cls, files: Iterable[str | os.PathLike[str]] = ()) -> Catalog:
        """Return what is there: marked with `step`, built in, in files, in scikit-image, and in napari's plugins.

        Nothing is imported for it but the built-in steps; it takes some tenths of a second, mostly for reading what
        plugins are installed.

        Parameters
        ----------
        files : iterable of path
            Python files whose functions are offered.

        Raises
        ------
        FileNotFoundError, ValueError
            A file is not there, or has a name that Python cannot import.
        """
        own = chain.from_iterable(map(file_offers, files))
        return cls((*console_offers(), *built_in_offers(), *own, *scikit_image_offers(), *plugin_offers()))

    def __iter__(self) -> Iterator[Offer]:
        return iter(self.offers)

    def __len__(self) -> int:
        return len(self.offers)

    @property
    def sources(self) -> dict[str, list[Offer]]:
        """The offers by where they come from."""
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
        """Return the offers in which each word of a text is, the best first.

        Words that begin a name come first, then those that begin a word of it, those in it, those in the source, and
        those in the summary. A text such as ``my_module:segment`` finds that function, whatever it is in.

        Parameters
        ----------
        text : str
            Words; upper and lower case are the same, and so are ``_`` and a space. Empty, all are returned.
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
    """Find functions that can be steps, wherever they are.

    Parameters
    ----------
    text : str
        Words in the name, the source or the summary of what is looked for; or ``module:name``. Empty, all.
    files : iterable of path
        Python files whose functions are offered too.

    Returns
    -------
    list of Offer
        The best first. Each has a ``step``, or else a ``reason`` why it has none.

    Raises
    ------
    FileNotFoundError, ValueError
        A file is not there, or has a name that Python cannot import.

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
    It returns a float. A step gives an image, labels, points, or a table such as a dict of columns.
    """
    return Catalog.everything(files).search(text)


def _rank(offer: Offer, words: Sequence[str]) -> int | None:
    """Return how far an offer is from what is looked for; None where a word is nowhere in it."""
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
