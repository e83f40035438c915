"""Words and letters before values in file names, and the components that they announce."""

from __future__ import annotations

import re

WORDS = {
    "well": "well",
    "site": "site", "field": "site", "fld": "site", "fov": "site", "pos": "site", "position": "site", "point": "site",
    "xy": "site", "tile": "site", "scene": "site", "series": "site", "stage": "site",
    "channel": "channel", "ch": "channel", "chan": "channel", "wave": "channel", "wv": "channel",
    "wavelength": "channel",
    "slice": "z_index", "zstep": "z_index", "zstack": "z_index", "focus": "z_index",
    "time": "timepoint", "timepoint": "timepoint", "tp": "timepoint", "frame": "timepoint", "day": "timepoint",
    "hour": "timepoint",
    "plate": "plate", "barcode": "plate",
    "row": "row", "col": "column", "column": "column",
}  # fmt: skip
"""Component of the value after a word, in lower case."""

LETTERS = {
    "s": "site",
    "f": "site",
    "c": "channel",
    "w": "channel",
    "z": "z_index",
    "t": "timepoint",
    "r": "row",
}
"""Component of the number after a single letter, in lower case."""

CLEAR = {*WORDS, "s", "c", "w", "z", "t"}
"""Words and letters that announce a component even where nothing else in the name does."""

_DYE = re.compile(
    r"dapi|hoechst\d*|h33\d*|fitc|tritc|[eymcrgb]?(?:gfp|rfp|yfp|cfp|bfp)|m?cherry|cy\d(?:\d|p\d)?|alexa\d*|af\d{3}|a?\d{3}"
    r"|texas(?:red)?|txred|pi|ph|phase|bf|bright(?:field)?|dic|green|red|blue|farred|far|nuclei|nuc|actin|tubulin"
    r"|er|golgi|mito|dna|rna|agp|c\d",
    re.IGNORECASE,
)


def is_dye(text: str) -> bool:
    """Return whether a word is an ordinary name of a channel."""
    return _DYE.fullmatch(text) is not None
