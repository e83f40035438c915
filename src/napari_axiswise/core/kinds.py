"""The kinds of output that a step can have."""

from __future__ import annotations

from typing import Literal

Kind = Literal["image", "labels", "points", "table"]


KINDS: tuple[Kind, ...] = ("image", "labels", "points", "table")
