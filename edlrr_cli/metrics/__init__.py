"""How good a result is: restored pictures, foreground masks, background images."""

from edlrr_cli.metrics.fidelity import psnr, ssim

__all__ = ["psnr", "ssim"]
