"""Scores of every denoiser at every noise level, with the same noise for all."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.bench.denoise_networks import Network, Recipe
from edlrr_cli.bench.denoise_training import ModelCache
from edlrr_cli.bench.record import Row
from edlrr_cli.errors import UsageError
from edlrr_cli.media.formats import require_images
from edlrr_cli.media.gray import read_gray
from edlrr_cli.metrics import psnr
from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.denoise.run import denoise

Pixels = NDArray[np.float64]
Call = Callable[[Pixels, float], Pixels]

#: Noise levels of the literature; slow methods are tested at these only.
PRINTED_LEVELS = (15, 25, 50)
SHIPPED, SHIPPED_AUTO, COMMAND = "edlrr", "edlrr:auto", "edlrr:command"
_SLOW = ("lrr-groups", "bm3d")
_FIRST_SET = "Set12"


@dataclass(frozen=True, eq=False)
class NamedDenoiser:
    """A denoiser in the comparison.

    Attributes:
        call: Maps noisy pixels, shape (h, w, 1), and the true noise level on [0, 1] to clean pixels.
    """

    method: str
    trained_at: int | None
    seed: int
    call: Call

    def is_tested(self, test_set: str, level: int) -> bool:
        """Whether it is tested on a set at a level; slow methods and further seeds are tested less."""
        if self.method in _SLOW:
            return test_set == _FIRST_SET and level in PRINTED_LEVELS
        if self.method.startswith("rescaled"):
            return self.trained_at is not None and level > self.trained_at
        return self.seed == 0 or test_set == _FIRST_SET


def yield_denoisers(
    networks: Sequence[Network], cache: ModelCache, shipped: Denoiser | None, device: str
) -> Iterator[NamedDenoiser]:
    """Yield all available denoisers.

    Args:
        shipped: The network that is included in the package, or None.
    """
    yield NamedDenoiser("noisy", None, 0, lambda pixels, sigma: pixels)
    for network in networks:
        module = cache.load(network)
        yield NamedDenoiser(network.kind, network.level, network.seed, _unscaled(module, device))
        if network.kind == "plain" and network.seed == 0:
            assert network.level is not None
            scaled = Denoiser(module, network.level / 255, scales=False)
            yield NamedDenoiser("rescaled", network.level, 0, _call_of(scaled, device))
            yield NamedDenoiser("rescaled:auto", network.level, 0, _estimated(_call_of(scaled, device)))
    if shipped is not None:
        yield NamedDenoiser(SHIPPED, None, 0, _call_of(shipped, device))
        yield NamedDenoiser(SHIPPED_AUTO, None, 0, _estimated(_call_of(shipped, device)))
    yield NamedDenoiser("lrr-groups", None, 0, _lowrank_call(device))
    for name, call in DENOISERS.items():
        if _is_installed(name):
            yield NamedDenoiser(name, None, 0, call)


def _unscaled(module: torch.nn.Module, device: str) -> Call:
    """Return a call of the network without rescaling, as compared in Figure 3."""

    def call(pixels: Pixels, sigma: float) -> Pixels:
        image = torch.from_numpy(pixels[..., 0]).float().to(device)[None, None]
        clean = predict_clean(module, image, torch.full((1,), sigma, device=device))
        return np.asarray(clean[0, 0, :, :, None].double().cpu())

    return call


def _call_of(denoiser: Denoiser, device: str) -> Call:
    def call(pixels: Pixels, sigma: float) -> Pixels:
        return denoise(pixels, Config(sigma=sigma, device=device), denoiser).pixels

    return call


def _lowrank_call(device: str) -> Call:
    def call(pixels: Pixels, sigma: float) -> Pixels:
        return denoise(pixels, Config(method="lrr", sigma=sigma, device=device)).pixels

    return call


def _estimated(call: Call) -> Call:
    """Return a denoiser that ignores the given noise level and estimates it."""
    return lambda pixels, sigma: call(pixels, estimate_noise_level(pixels))


def _is_installed(name: str) -> bool:
    """Whether the library of a baseline is installed."""
    try:
        DENOISERS[name](np.full((2, 2, 1), 0.5), 0.1)
    except UsageError:
        return False
    return True


def read_sets(data: Path, recipe: Recipe) -> dict[str, list[tuple[str, Pixels]]]:
    """Return the test sets: name -> list of (name of image, gray pixels in [0, 1], shape (h, w, 1)).

    Raises:
        InputError: A test set is missing.
    """
    return {
        name: [(path.stem, read_gray(path)[..., None] / 255) for path in require_images(data / name)[::every]]
        for name, every in recipe.every.items()
    }


def noise_of(test_set: str, image: str, level: int, shape: tuple[int, ...]) -> Pixels:
    """Return the noise of a case, on [0, 1], which is the same for all denoisers."""
    seed = zlib.crc32(f"{test_set}/{image}/{level}".encode())
    return level / 255 * np.random.default_rng(seed).standard_normal(shape)


def score(denoiser: NamedDenoiser, test_set: str, images: Sequence[tuple[str, Pixels]], level: int) -> Row:
    """Return the mean PSNR of a denoiser over a test set, outputs clipped to [0, 1], peak 1."""
    values = []
    for name, clean in images:
        noisy = clean + noise_of(test_set, name, level, clean.shape)
        values.append(psnr(denoiser.call(noisy, level / 255).clip(0, 1), clean, data_range=1.0))
    return {
        "kind": "score",
        "set": test_set,
        "level": level,
        "method": denoiser.method,
        "trained_at": denoiser.trained_at,
        "seed": denoiser.seed,
        "psnr": round(float(np.mean(values)), 4),
        "num_pictures": len(values),
    }


def verdicts(rows: Sequence[Row], levels: Sequence[int]) -> list[Row]:
    """Return the gain of the low-rank term on Set12, paired by seed, with its spread over the seeds.

    ``spread`` is the standard deviation over the seeds of the difference to the network of the same seed
    without the term; at the training level, ``gain`` is minus the cost.
    """
    found: dict[tuple[str, Any, int, int], float] = {
        (row["method"], row["trained_at"], row["level"], row["seed"]): row["psnr"]
        for row in rows
        if row["kind"] == "score" and row["set"] == _FIRST_SET
    }
    result = []
    for trained_at in dict.fromkeys(key[1] for key in found if key[0] == "lrr"):
        for level in levels:
            seeds = [key[3] for key in found if key[:3] == ("lrr", trained_at, level)]
            gains = [
                found["lrr", trained_at, level, seed] - found["plain", trained_at, level, seed]
                for seed in seeds
            ]
            spread = float(np.std(gains, ddof=1)) if len(gains) > 1 else None
            gain = float(np.mean(gains))
            result.append(
                {
                    "kind": "verdict",
                    "trained_at": trained_at,
                    "level": level,
                    "gain": round(gain, 3),
                    "spread": spread and round(spread, 3),
                    "beyond_spread": None if spread is None else gain > spread,
                    "num_seeds": len(gains),
                }
            )
    return result
