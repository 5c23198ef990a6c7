"""The record of a denoising, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.noise_levels import NOISE_LEVELS
from edlrr_cli.tasks.denoise.config import Config

if TYPE_CHECKING:
    from edlrr_cli.tasks.denoise.noise_type import Noise


def noise_entries(noise: Noise, config: Config, **spread: list[float]) -> Record:
    """Return the entries on the method and the noise, on 0..255; None for what does not apply.

    Args:
        spread: The entry on how the level varies, if it does.
    """
    is_estimated = config.sigma is None
    return {
        "method": config.method,
        "reg": config.penalty if config.method == "lrr" else None,
        "sigma": round(noise.sigma * NOISE_LEVELS, 3),
        **spread,
        "sigma_estimated": is_estimated,
        "noise_type": noise.kind if is_estimated else None,
        "correlation_px": round(noise.correlation_px, 2) if is_estimated else None,
    }


def denoise_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    if record["pages"] is not None:
        yield "denoised", f"{record['output']}, {len(record['pages'])} pages"
        yield from ((f"page {page['page']}", denoise_line(page)) for page in record["pages"])
        return
    yield "denoised", str(record["output"])
    yield noise_line(record)
    yield from psnr_line(record)
    if record["ssim"] is not None:
        yield "SSIM", f"{record['ssim_input']:.4f} -> {record['ssim']:.4f}"
    yield "method", method_of(record)
    if record["figure"] is not None:
        yield "figure", str(record["figure"])
    yield "done", f"{record['seconds']:.1f} s on {record['device']}"


def noise_line(record: Record, spread: str = "") -> tuple[str, str]:
    """Return the line on the noise, and how it varies."""
    origin = f"estimated, {record['noise_type']}" if record["sigma_estimated"] else "as given"
    strength = record["settings"]["strength"]
    factor = "" if strength == 1 else f" x {strength:g}"
    return "noise", f"sigma {record['sigma']:.1f}{spread} ({origin}){factor}"


def psnr_line(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the line on the PSNR if it was measured."""
    if record["psnr"] is not None:
        yield "PSNR", f"{record['psnr_input']:.2f} -> {record['psnr']:.2f} dB"


def method_of(record: Record) -> str:
    """Return the method with its penalty."""
    return f"{record['method']} ({record['reg']})" if record["reg"] else str(record["method"])


def denoise_line(record: Record, extent: str = "") -> str:
    """Return the readable line of one input of a batch, with how much it is."""
    quality = "" if record["psnr"] is None else f"PSNR {record['psnr']:.2f} dB, "
    duration = f"{record['seconds']:.1f} s on {record['device']}"
    sigmas = [page["sigma"] for page in record.get("pages") or [record]]
    levels = " to ".join(f"{sigma:.3g}" for sigma in sorted({min(sigmas), max(sigmas)}))
    return f"{quality}noise {levels}, {extent}{duration}"
