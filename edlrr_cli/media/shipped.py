"""The weights that come with the program."""

from __future__ import annotations

from pathlib import Path

#: The network of ``edlrr denoise``; its card lies beside it.
DENOISER = Path(__file__).parents[1] / "weights" / "light.safetensors"
