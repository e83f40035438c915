"""What a dropdown offers."""

from __future__ import annotations

Choice = tuple[str, str]
"""What is shown, and what it stands for."""
