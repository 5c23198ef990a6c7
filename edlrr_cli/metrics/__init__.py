"""Quality metrics for restored images, foreground masks and background images."""

from edlrr_cli.metrics.fidelity import psnr, ssim

__all__ = ["psnr", "ssim"]
