"""Videos, split in one call."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

from edlrr_cli.api.isolation import isolated
from edlrr_cli.pipelines.bgsep.job import BgsepJob
from edlrr_cli.pipelines.bgsep.settings import Encoding, Settings
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.checks import settings_of


@isolated
def separate(
    source: str | PathLike[str],
    folder: str | PathLike[str],
    *,
    method: str = "lrr",
    reg: str = "nuclear",
    gamma: float | None = None,
    solver: str = "adam",
    fit: str = "subspace",
    lam: float | None = None,
    steps: int = 100,
    window: int | None = None,
    overlap: int | None = None,
    threshold: float | None = None,
    min_blob_px: int = 30,
    shadows: bool = True,
    stabilize: str = "auto",
    device: str = "auto",
    seed: int = 0,
    codec: str | None = None,
    quality: int = 18,
    format: str | None = None,
    mask_format: str = "mp4",
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Split a video from a fixed camera into background, foreground and masks, written into a folder.

    Args:
        source: A video file, an animation, a TIFF of several pages, a folder of images, or a pattern of their
            names.
        folder: The folder of the outputs; made if its parent exists.
        method, reg, gamma, solver, fit, lam, steps, window, overlap, threshold, min_blob_px, shadows,
            stabilize, device, seed: Settings of the separation; see `edlrr_cli.tasks.bgsep.config.Config`.
        codec, quality, format, mask_format: Encoding of the outputs; see
            `edlrr_cli.pipelines.bgsep.settings.Encoding`.
        resume: Continue after the finished parts of an interrupted run.
        overwrite: Replace existing outputs.

    Returns:
        The content of ``report.json``: frames, rank, foreground fraction, settings and more, by name.

    Raises:
        UsageError: A setting is outside its domain.
        InputError: The source cannot be read.
        OutputError: An output exists, or cannot be written.
        KeyboardInterrupt: Ctrl-C; its text names the frames that are kept for ``resume``.
    """
    given = locals()
    settings = Settings(settings_of(Config, given), settings_of(Encoding, given))
    return BgsepJob(
        input=Path(source),
        output=Path(folder),
        settings=settings,
        resume=resume,
        overwrite=overwrite,
    ).run()
