"""Inpainting by a compared method: its parameters chosen if asked, known pixels put back."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from edlrr_cli.baselines.registry import Params, default_params, run
from edlrr_cli.baselines.result import Bools, Callback, Pixels
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.picture import Damaged
from edlrr_cli.tasks.inpaint.tuning import Tuning, tune


@dataclass(frozen=True, eq=False)
class Compared:
    """A restored image and how it came about.

    Attributes:
        restored: Shape (h, w, c), in [0, 1], the known pixels as they came.
        iterations: Steps done, without those of the tuning; 0 for a method without any.
        stop: ``"tolerance"``, ``"iterations"`` or ``"direct"`` (no iteration).
        seconds: Wall time, the tuning included.
        device: That was to compute on; a method without torch runs on the CPU all the same.
        params: Every parameter of the method.
        tuning: How they were chosen; None if they were not.
        notes: What the user should know about the result, one phrase each.
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
        """PSNR in dB on the pixels hidden for the tuning, a little flattered by the choice; None without."""
        rmse = self.tuning.rmse if self.tuning else None
        return None if rmse is None else -20 * math.log10(max(rmse, 1e-12))


def inpaint_by(
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
) -> Compared:
    """Restore the missing pixels of an image by one of the methods that ours is compared with, in float64.

    Args:
        name: One of `edlrr_cli.baselines.registry.METHOD_NAMES`.
        image: Shape (h, w, c), values in [0, 1]; missing pixels are not looked at. Not modified.
        known: Shape (h, w), True = known pixel.
        params: Of the method; those left out keep their published values.
        tuned: Choose those of the method's grid on hidden known pixels, unless they are in ``params``.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: Of the hidden pixels, and of a method that draws random numbers.
        callback: Told of each step.
        visible: Shape (h, w), False = transparent pixel, whose color is not looked at and stays as it is,
            unless the pixel is missing; None: all pixels are visible.

    Raises:
        UsageError: Unknown method or parameter, or a library of the method is not installed.
        DeviceError: The device is not here.
        NumericsError: The method broke down, or every setting of its grid did.
    """
    started = time.perf_counter()
    place, dtype = resolve_device(device), torch.float64
    published = default_params(name)
    given = {**({"seed": seed} if "seed" in published else {}), **(params or {})}
    damaged = Damaged(image, known, visible=visible)
    pixels, tuning = damaged.with_reflections().image, None
    if tuned:
        tuning = tune(
            name,
            pixels,
            known,
            device=place,
            dtype=dtype,
            seed=seed,
            fixed=given,
            callback=callback,
            visible=visible,
        )
        given = tuning.params
    result = run(name, pixels, known, device=place, dtype=dtype, callback=callback, **given)
    return Compared(
        restored=result.restored(image, known),
        iterations=result.iterations,
        stop=result.stop,
        seconds=time.perf_counter() - started,
        device=str(place),
        params={**published, **given},
        tuning=tuning,
    )
