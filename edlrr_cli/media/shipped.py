"""The weights that are included in the package."""

from __future__ import annotations

from pathlib import Path

#: The default network of ``edlrr denoise``; its model card is in the same folder.
DENOISER = Path(__file__).parents[1] / "weights" / "light.safetensors"
