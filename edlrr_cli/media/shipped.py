"""The weights that are included in the package."""

from __future__ import annotations

from pathlib import Path

_WEIGHTS = Path(__file__).parents[1] / "weights"
#: The default networks of ``edlrr denoise`` for gray and for color; their model card is in the same folder.
DENOISER, COLOR_DENOISER = _WEIGHTS / "light.safetensors", _WEIGHTS / "color.safetensors"
