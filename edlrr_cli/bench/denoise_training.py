"""Training of the networks of Figure 3, with a cache: existing networks are not trained again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from edlrr_cli.bench.denoise_networks import GRIDS, KINDS, MAX_COST_DB, Network, Recipe
from edlrr_cli.errors import InputError
from edlrr_cli.media.formats import require_images
from edlrr_cli.media.gray import read_levels
from edlrr_cli.media.weights import read_weights, write_weights
from edlrr_cli.tasks.denoise.network import Denoiser
from edlrr_cli.tasks.training.trainer import Trainer


@dataclass(frozen=True)
class Trial:
    """A trial of a weight lambda.

    Attributes:
        psnr: PSNR in dB on the held-out images at the training level.
        cost: Decrease of this PSNR compared with the network without the term, in dB.
    """

    network: Network
    psnr: float
    cost: float


class ModelCache:
    """Model cache: trains networks on demand and stores them in a folder."""

    def __init__(self, data: Path, models: Path, recipe: Recipe, device: str) -> None:
        self._data, self._models, self._recipe, self._device = data, models, recipe, device
        self._images: list[Tensor] = []
        models.mkdir(parents=True, exist_ok=True)

    def about(self, network: Network) -> dict[str, Any]:
        """Return the description of a network, which is trained first if it is not in the cache.

        Raises:
            InputError: The folder contains a network of this name with another number of steps.
        """
        path = self._path(network)
        if not path.exists():
            trainer = Trainer(self._load_images(), network.config(self._recipe, self._device))
            while (progress := trainer.progress) < 1:
                trainer.step(progress)
            write_weights(path, trainer.weights(), trainer.about())
        about = read_weights(path).about
        if about.get("num_steps") != self._recipe.steps:
            raise InputError(
                f"{path} was trained for {about.get('num_steps')} steps, not {self._recipe.steps}",
                "name another folder with --models",
            )
        return about

    def load(self, network: Network) -> nn.Module:
        """Return a network in evaluation mode."""
        self.about(network)
        path = self._path(network)
        weights = read_weights(path)
        return Denoiser.of(weights.tensors, weights.about, name=str(path)).network.to(self._device)

    def psnr(self, network: Network) -> float:
        """Return the PSNR in dB on the held-out images at the training level."""
        return float(self.about(network)["psnr"][str(network.level)])

    def _path(self, network: Network) -> Path:
        return self._models / f"{network.name}.safetensors"

    def _load_images(self) -> list[Tensor]:
        if not self._images:
            self._images = [
                torch.from_numpy(read_levels(path, color=False)) for path in require_images(self._data)
            ]
        return self._images


def search(kind: str, level: int, psnr: Callable[[Network], float]) -> Iterator[Trial]:
    """Try the values of lambda in ascending order until the cost exceeds `MAX_COST_DB`.

    Args:
        psnr: Trains a network and returns its PSNR on the held-out images in dB.
    """
    without = psnr(Network("plain", level))
    for lam in GRIDS[kind]:
        network = Network(kind, level, lam)
        found = psnr(network)
        yield Trial(network, found, without - found)
        if without - found > MAX_COST_DB:
            return


def choose(trials: Sequence[Trial]) -> Network:
    """Return the network with the largest lambda that costs at most `MAX_COST_DB`, else with the smallest.

    The rule was fixed before any test image was used.
    """
    affordable = [trial for trial in trials if trial.cost <= MAX_COST_DB]
    return (affordable[-1] if affordable else trials[0]).network


def train_all(
    cache: ModelCache, recipe: Recipe, num_seeds: int, progress: Callable[[Network], None]
) -> tuple[list[Network], list[Trial]]:
    """Train the networks of Figure 3: ``plain`` and ``lrr`` with every seed, the others with the first.

    Returns:
        All networks to be tested, and all trials of lambda.
    """

    def psnr(network: Network) -> float:
        found = cache.psnr(network)
        progress(network)
        return found

    networks: list[Network] = []
    trials: list[Trial] = []
    for kind in KINDS:
        for level in recipe.trained_at(kind):
            chosen = Network(kind, level)
            if kind in GRIDS and level is not None:
                tried = list(search(kind, level, psnr))
                trials += tried
                chosen = choose(tried)
            seeds = range(num_seeds if kind in ("plain", "lrr") else 1)
            networks += [replace(chosen, seed=seed) for seed in seeds]
    for network in networks:
        cache.about(network)
        progress(network)
    return networks, trials


def trial_rows(networks: Sequence[Network], trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """Return the search for lambda as rows of a record."""
    return [
        {
            "kind": "trial",
            "network": trial.network.kind,
            "trained_at": trial.network.level,
            "lam": trial.network.lam,
            "held_out_psnr": round(trial.psnr, 3),
            "cost_db": round(trial.cost, 3),
            "chosen": trial.network in networks,
        }
        for trial in trials
    ]
