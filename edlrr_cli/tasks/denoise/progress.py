"""Progress callback of denoising methods."""

from __future__ import annotations

from collections.abc import Callable

#: Called after each part of the work with the number of parts done and the number of all parts.
Progress = Callable[[int, int], None]
