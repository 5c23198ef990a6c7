"""How long work tells of its progress."""

from __future__ import annotations

from collections.abc import Callable

#: Called after each part of the work with how many are done, and how many there are.
Progress = Callable[[int, int], None]
