"""A whole optimization: majorized steps compared with an SVD in every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.bench.images import PHOTO, photo, text_hole
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.timing import time_side_by_side
from edlrr_cli.lrr.series import Function, make_function
from edlrr_cli.lrr.spectral import factor
from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.lowrank import completion as task
from edlrr_cli.tasks.inpaint.lowrank.whitening import Whitening
from edlrr_cli.tasks.inpaint.problem import Result

NAME = "optimization"
#: The methods by name; ratios refer to the last.
DEFAULT, EXACT = "majorized", "SVD in every step"
_START = "start only"

PARAMETERS = {
    "image": PHOTO,
    "mask": "lines of text",
    "settings": "the defaults of edlrr inpaint, but no pixel is held out: the result is the minimizer itself",
    "warm_up_rounds": 1,
    "seconds": "of the Adam steps: total seconds minus those of a run of 0 steps, round by round",
    "ratio": f"seconds of {EXACT!r} divided by those of the method, median over the rounds",
    "objective": "exact R of the result, float64 SVD, final whitening, one scale per channel for all methods",
    "objective_difference": f"relative to {EXACT!r}",
}


def run(
    *, size_px: int, steps: int, repeats: int, reg: str, device: str, progress: Callable[[str], None]
) -> list[Row]:
    """Inpaint one image with each method and compare time, objective and PSNR."""
    clean, hole = photo(size_px), text_hole(size_px, size_px)
    damaged = np.where(hole[..., None], 0.0, clean)
    default = Config(prior="global", reg=reg, steps=steps, held_out=0.0, device=device)
    configs = {
        _START: replace(default, steps=0),
        DEFAULT: default,
        EXACT: replace(default, refresh=1, backend="svd"),
    }
    results: dict[str, Result] = {}

    def inpaint(name: str) -> None:  # the image is on the CPU, so that the device is idle at the end
        results[name] = task.inpaint(damaged, ~hole, configs[name])

    timings = time_side_by_side(
        {name: partial(inpaint, name) for name in configs}, repeats=repeats, progress=progress
    )
    steps_only = {name: timings[name].minus(timings[_START]) for name in (DEFAULT, EXACT)}
    objectives = _objectives({name: results[name].restored for name in steps_only}, configs[DEFAULT])
    return [
        {
            "method": name,
            **timing.as_row(),
            "seconds_of_whole": timings[name].as_row()["seconds"],
            "ratio": timing.times_faster_than(steps_only[EXACT]),
            "iterations": results[name].iterations,
            "objective": objectives[name],
            "objective_difference": objectives[name] / objectives[EXACT] - 1,
            "psnr": psnr(results[name].restored, clean, data_range=1.0),
            "psnr_missing": psnr(results[name].restored, clean, data_range=1.0, where=hole),
            "device": results[name].device,
        }
        for name, timing in steps_only.items()
    ]


def _objectives(restored: Mapping[str, NDArray[Any]], config: Config) -> dict[str, float]:
    """Return the exact penalty of each image, all with the same scale."""
    h = make_function(*config.penalty("global"))
    height, width = next(iter(restored.values())).shape[:2]
    whitening = Whitening(
        height, width, center=config.center, dtype=torch.float64, device=torch.device("cpu")
    )
    whitening.set_strength(config.whiten)
    routes = {
        name: factor(whitening(torch.from_numpy(image).double().permute(2, 0, 1)), h, "svd")
        for name, image in restored.items()
    }
    scale = _common_scale(h, [route.sigma_max for route in routes.values()])
    return {name: float(route.evaluate(h, scale)[0].sum()) for name, route in routes.items()}


def _common_scale(h: Function, sigma_max: list[Tensor]) -> Tensor:
    """Return one scale per channel for which every image is within the range of h."""
    largest = torch.stack(sigma_max).amax(0)
    return torch.ones_like(largest) if h.x_fit is None else largest / h.x_fit
