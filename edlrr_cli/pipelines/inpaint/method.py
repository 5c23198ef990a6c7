"""The restoration of an image by the method that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edlrr_cli.media.still_image import StillImage
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.pipelines.inpaint.settings import Settings

if TYPE_CHECKING:
    from edlrr_cli.pipelines.inpaint.history import Callback
    from edlrr_cli.tasks.denoise.network import Denoiser
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult
    from edlrr_cli.tasks.inpaint.problem import Bools, Result


def denoiser_of(settings: Settings) -> Denoiser | None:
    """Return the shipped denoiser; None if the method needs none."""
    return load_denoiser() if settings.is_ours and settings.config.needs_denoiser else None


def restore_image(
    image: StillImage, known: Bools, settings: Settings, *, denoiser: Denoiser | None, callback: Callback
) -> Result | BaselineResult:
    """Fill the missing pixels by the low-rank penalty or by a baseline.

    Args:
        known: Shape (h, w), True = known pixel, at least one.
        denoiser: See `denoiser_of`.
        callback: Receives the progress of either method; an exception that it raises ends the restoration.

    Raises:
        EdlrrError: The method failed, or the device is not available.
    """
    from edlrr_cli.tasks.inpaint import baseline, restore

    config, choice = settings.config, settings.choice
    if settings.is_ours:
        return restore.restore(
            image.pixels,
            known,
            config,
            denoiser=denoiser,
            callback=callback,
            visible=image.visible,
        )
    return baseline.inpaint_by_baseline(
        choice.method,
        image.pixels,
        known,
        params=choice.params,
        tuned=choice.tune,
        device=config.device,
        seed=config.seed,
        callback=callback,
        visible=image.visible,
    )
