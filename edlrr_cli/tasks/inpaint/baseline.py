"""Inpainting by a baseline method, with optional tuning of its parameters."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from edlrr_cli.baselines.registry import Params, default_params, run
from edlrr_cli.baselines.result import Bools, Callback, Pixels
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.problem import InpaintProblem
from edlrr_cli.tasks.inpaint.tuning import Tuning, tune

NOTHING_MISSING = "nothing missing"
"""Why the computation of an image without holes stopped."""


@dataclass(frozen=True, eq=False)
class BaselineResult:
    """Result of a baseline method.

    Attributes:
        restored: Shape (h, w, c), in [0, 1], known pixels unchanged.
        iterations: Steps done, excluding those of the tuning; 0 for a direct method.
        stop: ``"tolerance"``, ``"iterations"``, ``"direct"`` (no iteration) or `NOTHING_MISSING`.
        seconds: Wall time, the tuning included.
        device: The requested device; a method that does not use torch runs on the CPU.
        params: All parameters of the method.
        tuning: The tuning of the parameters; None if they were not tuned.
        notes: Remarks for the user about the result, one phrase each.
    """

    restored: Pixels
    iterations: int
    stop: str
    seconds: float
    device: str
    params: Params
    tuning: Tuning | None
    notes: tuple[str, ...] = ()

    @property
    def held_out_psnr(self) -> float | None:
        """PSNR in dB on the pixels hidden for tuning, slightly optimistic; None without tuning."""
        rmse = self.tuning.rmse if self.tuning else None
        return None if rmse is None else -20 * math.log10(max(rmse, 1e-12))


def unchanged(image: Pixels) -> BaselineResult:
    """Return the result for an image of which nothing is missing."""
    notes = ("nothing is missing, the image is kept as it is",)
    return BaselineResult(image, 0, NOTHING_MISSING, 0.0, "cpu", {}, None, notes)


def inpaint_by_baseline(
    name: str,
    image: Pixels,
    known: Bools,
    *,
    params: Params | None = None,
    tuned: bool = False,
    device: str = "auto",
    seed: int = 0,
    callback: Callback | None = None,
    visible: Bools | None = None,
) -> BaselineResult:
    """Restore the missing pixels of an image by a baseline method, in float64.

    Args:
        name: One of `edlrr_cli.baselines.registry.METHOD_NAMES`.
        image: Shape (h, w, c), values in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel.
        params: Parameters of the method; the others keep their published values.
        tuned: Tune the parameters in the method's grid on held-out pixels, except those in ``params``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Seed of the choice of held-out pixels, and of a stochastic method.
        callback: Called after each step.
        visible: Shape (h, w), False = transparent pixel, whose color is ignored and kept unless the pixel is
            missing; None: all pixels are visible.

    Raises:
        UsageError: Unknown method or parameter, or a library of the method is not installed.
        DeviceError: The device is not available.
        NumericsError: The method failed, or failed with every setting of its grid.
    """
    started = time.perf_counter()
    target, dtype = resolve_device(device), torch.float64
    published = default_params(name)
    given = {**({"seed": seed} if "seed" in published else {}), **(params or {})}
    damaged = InpaintProblem(image, known, visible=visible)
    pixels, tuning = damaged.with_reflections().image, None
    if tuned:
        tuning = tune(
            name,
            pixels,
            known,
            device=target,
            dtype=dtype,
            seed=seed,
            fixed=given,
            callback=callback,
            visible=visible,
        )
        given = tuning.params
    result = run(name, pixels, known, device=target, dtype=dtype, callback=callback, **given)
    return BaselineResult(
        restored=result.restored(image, known),
        iterations=result.iterations,
        stop=result.stop,
        seconds=time.perf_counter() - started,
        device=str(target),
        params={**published, **given},
        tuning=tuning,
    )
