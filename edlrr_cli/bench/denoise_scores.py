"""Scores of every denoiser at every noise level, with the same noise for all."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from edlrr_cli.baselines.denoisers import DENOISERS
from edlrr_cli.bench.denoise_networks import PAIRED, Network
from edlrr_cli.bench.denoise_training import ModelCache
from edlrr_cli.bench.record import Row
from edlrr_cli.media.shipped import DENOISER
from edlrr_cli.metrics import psnr
from edlrr_cli.networks.apply import predict_clean
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.denoise.noise_level import estimate_noise_level
from edlrr_cli.tasks.denoise.run import denoise

Pixels = NDArray[np.float64]
Call = Callable[[Pixels, float], Pixels]

#: Noise levels of the literature; slow methods are tested at these only.
PRINTED_LEVELS = (15, 25, 50)
SHIPPED, SHIPPED_AUTO, COMMAND = "edlrr", "edlrr:auto", "edlrr:command"
BALANCED, BEST = "edlrr:balanced", "edlrr:best"
_SLOW = ("lrr-groups", "bm3d", BALANCED, BEST)


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

    def is_tested(self, level: int, *, is_first_set: bool) -> bool:
        """Whether it is tested on a set at a level; slow methods and further seeds are tested less."""
        if self.method in _SLOW:
            return is_first_set and level in PRINTED_LEVELS
        if self.method.startswith("rescaled"):
            return self.trained_at is not None and level > self.trained_at
        return self.seed == 0 or is_first_set


def list_denoisers(
    networks: Sequence[Network], cache: ModelCache, device: str, *, with_baselines: bool
) -> list[NamedDenoiser]:
    """Return all available denoisers: the networks of Figure 3, ours, and the baselines."""
    methods = [NamedDenoiser("noisy", None, 0, lambda pixels, sigma: pixels)]
    for network in networks:
        module = cache.load(network)
        methods.append(NamedDenoiser(network.kind, network.level, network.seed, _unscaled(module, device)))
        if network.kind == "plain" and network.seed == 0:
            assert network.level is not None
            scaled = _denoise_by(Config(device=device), Denoiser(module, network.level / 255, scales=False))
            methods.append(NamedDenoiser("rescaled", network.level, 0, scaled))
            methods.append(NamedDenoiser("rescaled:auto", network.level, 0, _estimated(scaled)))
    if not with_baselines:
        return methods
    others = {"lrr-groups": _denoise_by(Config(method="lrr", device=device))}
    if DENOISER.exists():
        denoiser = load_denoiser(DENOISER)
        shipped = _denoise_by(Config(device=device), denoiser)
        balanced = _denoise_by(Config(quality="balanced", device=device), denoiser)
        best = _denoise_by(Config(quality="best", device=device), denoiser)
        ours = {SHIPPED: shipped, SHIPPED_AUTO: _estimated(shipped), BALANCED: balanced, BEST: best}
        others = {**ours, **others}
    others |= {name: call for name, call in DENOISERS.items() if name != "bm3d" or find_spec("bm3d")}
    return methods + [NamedDenoiser(name, None, 0, call) for name, call in others.items()]


def _unscaled(module: torch.nn.Module, device: str) -> Call:
    """Return a call of the network without rescaling, as compared in Figure 3."""

    def call(pixels: Pixels, sigma: float) -> Pixels:
        image = torch.from_numpy(pixels[..., 0]).float().to(device)[None, None]
        clean = predict_clean(module, image, torch.full((1,), sigma, device=device))
        return np.asarray(clean[0, 0, :, :, None].double().cpu())

    return call


def _denoise_by(config: Config, denoiser: Denoiser | None = None) -> Call:
    return lambda pixels, sigma: denoise(pixels, replace(config, sigma=sigma), denoiser).pixels


def _estimated(call: Call) -> Call:
    """Return a denoiser that ignores the given noise level and estimates it."""
    return lambda pixels, sigma: call(pixels, estimate_noise_level(pixels))


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
    """Return the gain of each term on the first test set, paired by seed, with its spread over the seeds.

    ``spread`` is the standard deviation over the seeds of the difference to the network of the same seed
    without the term; at the training level, ``gain`` is minus the cost.
    """
    scores = [row for row in rows if row["kind"] == "score"]
    found: dict[tuple[str, Any, int, int], float] = {
        (row["method"], row["trained_at"], row["level"], row["seed"]): row["psnr"]
        for row in scores
        if row["set"] == scores[0]["set"]
    }
    variants = dict.fromkeys(key[:2] for key in found if key[0] in PAIRED and key[0] != "plain")
    result: list[Row] = []
    for network, trained_at in variants:
        for level in levels:
            seeds = [key[3] for key in found if key[:3] == (network, trained_at, level)]
            gains = [
                found[network, trained_at, level, seed] - found["plain", trained_at, level, seed]
                for seed in seeds
            ]
            spread = float(np.std(gains, ddof=1)) if len(gains) > 1 else None
            gain = float(np.mean(gains))
            row: Row = {"kind": "verdict", "network": network, "trained_at": trained_at, "level": level}
            row["gain"] = round(gain, 3)
            row |= {"spread": spread and round(spread, 3), "num_seeds": len(gains)}
            result.append(row | {"beyond_spread": None if spread is None else gain > spread})
    return result
