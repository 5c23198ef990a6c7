"""What ``edlrr denoise`` says about a run: one record, its lines for people, and the comparison figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli import __version__
from edlrr_cli.cli.settings import NOISE_LEVELS
from edlrr_cli.media.figure import comparison_panels, write_figure
from edlrr_cli.metrics import psnr, ssim

if TYPE_CHECKING:
    from edlrr_cli.cli.denoise.stages import Experiment, Files
    from edlrr_cli.cli.targets import Targets
    from edlrr_cli.tasks.denoise.config import Config
    from edlrr_cli.tasks.denoise.run import Result


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is compared, each of shape (h, w, c).

    Attributes:
        noisy: As it was given, or with the noise of an experiment.
        denoised: At the depth of the output.
        clean: The reference; None without.
    """

    noisy: NDArray[np.float64]
    denoised: NDArray[np.float64]
    clean: NDArray[np.float64] | None


def denoise_record(
    files: Files,
    targets: Targets,
    config: Config,
    experiment: Experiment,
    result: Result,
    pictures: Pictures,
) -> dict[str, Any]:
    """Return all that is known about a run, by name; noise on 0..255, None where there is no such thing."""
    settings = {**asdict(config), "sigma": config.sigma and round(config.sigma * NOISE_LEVELS, 6)}
    settings |= {"add_noise": experiment.level, "seed": experiment.seed}
    return {
        "status": "ok",
        "input": files.image,
        "reference": files.reference,
        "output": targets.output,
        "figure": targets.figure,
        "model": files.model,
        "method": config.method,
        "reg": config.penalty if config.method == "lrr" else None,
        "sigma": round(result.sigma * NOISE_LEVELS, 3),
        "sigma_estimated": config.sigma is None,
        "device": result.device,
        "seconds": result.seconds,
        **_quality(pictures),
        "settings": settings,
        "version": __version__,
    }


def _quality(pictures: Pictures) -> dict[str, float | None]:
    if pictures.clean is None:
        return dict.fromkeys(("psnr_input", "psnr", "ssim_input", "ssim"))
    measured: dict[str, float | None] = {}
    for suffix, pixels in (("_input", pictures.noisy), ("", pictures.denoised)):
        measured[f"psnr{suffix}"] = psnr(pixels, pictures.clean, data_range=1.0)
        measured[f"ssim{suffix}"] = ssim(pixels, pictures.clean, data_range=1.0)
    return measured


def denoise_lines(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what people read of a record: labels and texts."""
    yield "denoised", str(record["output"])
    found = "estimated" if record["sigma_estimated"] else "as said"
    strength = record["settings"]["strength"]
    yield "noise", f"sigma {record['sigma']:.1f} ({found})" + ("" if strength == 1 else f" x {strength:g}")
    if record["psnr"] is not None:
        yield "PSNR", f"{record['psnr_input']:.2f} -> {record['psnr']:.2f} dB"
    if record["ssim"] is not None:
        yield "SSIM", f"{record['ssim_input']:.4f} -> {record['ssim']:.4f}"
    yield "method", record["method"] if record["reg"] is None else f"{record['method']} ({record['reg']})"
    if record["figure"] is not None:
        yield "figure", str(record["figure"])
    yield "done", f"{record['seconds']:.1f} s on {record['device']}"


def write_comparison(path: Path, pictures: Pictures, record: dict[str, Any], *, overwrite: bool) -> None:
    """Write noisy, denoised and clean picture side by side."""
    captions = {"damaged": f"sigma {record['sigma']:.1f}", "restored": record["method"]}
    if pictures.clean is not None:
        captions["damaged"] += f", PSNR {record['psnr_input']:.2f} dB"
        captions["restored"] += f", PSNR {record['psnr']:.2f} dB"
    noisy = pictures.noisy.clip(0, 1)
    panels = comparison_panels(noisy, pictures.denoised, pictures.clean, captions=captions)
    write_figure(path, panels, overwrite=overwrite)
