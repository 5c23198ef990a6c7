"""What the page of ``edlrr denoise`` shows of a record."""

from __future__ import annotations

from functools import partial
from typing import Any

from edlrr_cli.cli.denoise.report import denoise_lines
from edlrr_cli.cli.denoise.stages import Experiment, with_noise
from edlrr_cli.cli.report.section import Comparison, Layer, Section
from edlrr_cli.media.images import read_picture, read_reference
from edlrr_cli.media.preview import preview


def denoise_section(record: dict[str, Any], *, side_px: int) -> Section:
    """Return what is shown of a record, pictures of at most so many pixels a side."""
    return Section(partial(_pictures, record, side_px), list(denoise_lines(record)))


def _pictures(record: dict[str, Any], side_px: int) -> list[Comparison]:
    """Read the pictures; the noise of an experiment is drawn again."""
    picture, said = read_picture(record["input"]), record["settings"]
    reference = None if record["reference"] is None else read_reference(record["reference"], picture)
    noisy, clean = with_noise(picture, reference, Experiment(said["add_noise"], said["seed"]))
    left = [Layer("noisy", preview(noisy, side_px))]
    if clean is not None:
        left.append(Layer("clean", preview(clean, side_px)))
    denoised = picture.pixels_of(read_picture(record["output"]))
    return [Comparison(left, [Layer("denoised", preview(denoised, side_px))])]
