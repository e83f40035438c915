"""The choices of a dropdown."""

from __future__ import annotations

Choice = tuple[str, str]
"""The text that is shown, and the value it stands for."""
