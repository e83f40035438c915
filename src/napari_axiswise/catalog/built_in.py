"""Offers of the built-in steps."""

from __future__ import annotations

from collections.abc import Iterator

from .. import functions
from ..pipeline.docstrings import first_paragraph
from .offer import Offer

SOURCE = "Built in"


def built_in_offers() -> Iterator[Offer]:
    """Yield an offer for each function of `napari_axiswise.functions`."""
    for name in functions.__all__:
        function = getattr(functions, name)
        if callable(function):
            description = first_paragraph(function.__doc__ or "")
            yield Offer(f"{functions.__name__}:{name}", name, SOURCE, description)
