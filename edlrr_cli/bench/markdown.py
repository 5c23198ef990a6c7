"""Markdown tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with the first column aligned to the left and the others to the right."""
    ruler = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ruler, *rows))


def ranked(text: str, rank: int | None) -> str:
    """Mark the best value in bold, and underline the second best.

    Example:
        >>> ranked("39.9", 1), ranked("39.8", 2), ranked("39.7", None)
        ('**39.9**', '<u>39.8</u>', '39.7')
    """
    return {1: f"**{text}**", 2: f"<u>{text}</u>"}.get(rank or 0, text)


def escape(text: str) -> str:
    """Escape plain text for a Markdown cell."""
    return re.sub(r"([\\`*_|<>])", r"\\\1", text)
