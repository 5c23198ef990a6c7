"""Denoising networks with and without the low-rank term, tested at other noise levels (Figure 3)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edlrr_cli.bench.denoise_data import read_data, shipped_data
from edlrr_cli.bench.denoise_figure import draw_figure
from edlrr_cli.bench.denoise_networks import KINDS, MAX_COST_DB, RECIPES, Network
from edlrr_cli.bench.denoise_scores import (
    COMMAND,
    SHIPPED,
    NamedDenoiser,
    Pixels,
    list_denoisers,
    noise_of,
    score,
    verdicts,
)
from edlrr_cli.bench.denoise_training import ModelCache, train_all, trial_rows
from edlrr_cli.bench.images import save_png
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.timing import time_side_by_side
from edlrr_cli.tasks.checks import require_choice
from edlrr_cli.tasks.device import resolve_device

NAME = "denoise"
_TIMED_LEVEL, _TIMED_SIDE_PX, _ROUNDS = 25, 512, 3
_UNTIMED = ("noisy",)

PARAMETERS = {
    "scores": "mean PSNR, peak 1, outputs clipped to [0, 1]; noise white, not clipped, the same for all",
    "lambda": f"the largest tried that costs at most {MAX_COST_DB} dB on 10 held-out training images, seed 0",
    "gain": "on the first test set, paired by seed; spread: standard deviation over the seeds",
    "time": f"one gray image of {_TIMED_SIDE_PX} x {_TIMED_SIDE_PX}, median of {_ROUNDS}; without imports "
    "and loading of weights, except for the whole command",
}


def describe(recipe_name: str, num_seeds: int) -> dict[str, Any]:
    """Return the parameters of the run."""
    return {**PARAMETERS, "recipe": recipe_name, **asdict(RECIPES[recipe_name]), "num_seeds": num_seeds}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The denoisers of a comparison, with their networks trained, and the images on which they are tested.

    Attributes:
        trials: Rows of the search for lambda.
        sets: Test set -> names and images; the first set is tested most.
        levels: Noise levels of the test.
    """

    denoisers: Sequence[NamedDenoiser]
    trials: Sequence[Row]
    sets: Mapping[str, Sequence[tuple[str, Pixels]]]
    levels: Sequence[int]

    @cached_property
    def cases(self) -> list[tuple[NamedDenoiser, str, int]]:
        """Return the combinations of denoiser, test set and noise level that are tested."""
        return [
            (denoiser, test_set, level)
            for index, test_set in enumerate(self.sets)
            for denoiser in self.denoisers
            for level in self.levels
            if denoiser.is_tested(level, is_first_set=index == 0)
        ]

    def scores(self) -> Iterator[Row]:
        """Yield the score of each case."""
        for denoiser, test_set, level in self.cases:
            yield score(denoiser, test_set, self.sets[test_set], level)

    def verdicts(self, rows: Sequence[Row]) -> list[Row]:
        """Return the gains of the low-rank terms; see `edlrr_cli.bench.denoise_scores.verdicts`."""
        return verdicts(rows, self.levels)

    def figure(self, rows: Sequence[Row]) -> bytes:
        """Return the scores on the first test set as a PNG."""
        return draw_figure(rows, next(iter(self.sets)))

    def times(self) -> Iterator[Row]:
        """Yield the seconds of every denoiser available to users, for one image, and of the whole command."""
        side = _TIMED_SIDE_PX
        timed = [
            denoiser
            for denoiser in self.denoisers
            if denoiser.trained_at is None and denoiser.method not in (*_UNTIMED, *KINDS)
        ]
        images = [pair for test_set in self.sets.values() for pair in test_set]
        large = [(name, image) for name, image in images if min(image.shape[:2]) >= side]
        if not timed or not large:
            return
        name, clean = large[0][0], large[0][1][:side, :side]
        noisy = clean + noise_of("time", name, _TIMED_LEVEL, clean.shape)
        calls: dict[str, Callable[[], object]] = {
            denoiser.method: partial(denoiser.call, noisy, _TIMED_LEVEL / 255) for denoiser in timed
        }
        with TemporaryDirectory(prefix="edlrr-bench-") as folder:
            if SHIPPED in calls:
                source = Path(folder) / "noisy.png"
                save_png(source, noisy[..., 0].clip(0, 1))
                command = [sys.executable, "-m", "edlrr_cli", "denoise", str(source)]
                command += ["--device", "cpu", "--quiet", "--overwrite"]
                calls[COMMAND] = partial(subprocess.run, command, check=True)
            for method, timing in time_side_by_side(calls, repeats=_ROUNDS).items():
                yield {"kind": "time", "method": method, **timing.as_row()}


def train(
    data: Path | None,
    models: Path,
    recipe_name: str,
    *,
    num_seeds: int,
    device: str,
    progress: Callable[[Network], None],
) -> Comparison:
    """Train the networks of a recipe that are not in a folder yet, and return what is compared.

    Args:
        data: Folder of images; None for those that scikit-image includes.
        models: Folder of the networks.
        progress: Receives each network as soon as it is trained.

    Raises:
        UsageError: The recipe is unknown; the message suggests the closest one.
        DeviceError: The device does not exist.
        InputError: A set of images is missing, or a network is of another recipe.
    """
    require_choice("recipe", recipe_name, tuple(RECIPES))
    recipe = RECIPES[recipe_name]
    where = str(resolve_device(device))
    images = shipped_data() if data is None else read_data(data, recipe.every)
    cache = ModelCache(images, models, recipe, where)
    networks, trials = train_all(cache, recipe, num_seeds, progress)
    denoisers = list_denoisers(networks, cache, where, with_baselines=recipe.with_baselines)
    return Comparison(denoisers, trial_rows(networks, trials), images.sets, recipe.levels)
