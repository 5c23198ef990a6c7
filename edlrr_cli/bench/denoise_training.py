"""Training of the networks of Figure 3, each once: what lies in the folder is not trained again."""

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
from edlrr_cli.media.gray import read_gray
from edlrr_cli.media.weights import read_weights, write_weights
from edlrr_cli.networks.build import build_network
from edlrr_cli.networks.names import Size
from edlrr_cli.tasks.training.trainer import Trainer


@dataclass(frozen=True)
class Trial:
    """A lambda that was tried.

    Attributes:
        network: With this lambda.
        psnr: On the held-out images at the level trained for, dB.
        cost: What that is less than without the term, dB.
    """

    network: Network
    psnr: float
    cost: float


class Workshop:
    """Trains networks on demand and keeps them in a folder.

    Args:
        data: Folder of the clean training pictures.
        models: Folder of the networks, made if missing.
        recipe: How they are trained.
        device: Where.
    """

    def __init__(self, data: Path, models: Path, recipe: Recipe, device: str) -> None:
        self._data, self._models, self._recipe, self._device = data, models, recipe, device
        self._images: list[Tensor] = []
        models.mkdir(parents=True, exist_ok=True)

    def about(self, network: Network) -> dict[str, Any]:
        """Return what is known of a network, trained now if it never was.

        Raises:
            InputError: The folder holds a network of this name that was trained otherwise.
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
        """Return a network, ready to be used."""
        self.about(network)
        weights = read_weights(self._path(network))
        size = Size(weights.about["depth"], weights.about["width"])
        module = build_network(weights.about["arch"], size)
        module.load_state_dict(weights.tensors)
        return module.to(self._device).eval()

    def psnr(self, network: Network) -> float:
        """Return the PSNR in dB on the held-out images at the level trained for."""
        return float(self.about(network)["psnr"][str(network.level)])

    def _path(self, network: Network) -> Path:
        return self._models / f"{network.name}.safetensors"

    def _load_images(self) -> list[Tensor]:
        if not self._images:
            self._images = [torch.from_numpy(read_gray(path)) for path in require_images(self._data)]
        return self._images


def search(kind: str, level: int, psnr: Callable[[Network], float]) -> Iterator[Trial]:
    """Try one lambda after the other, from the smallest, until one costs too much.

    Args:
        kind: One of `GRIDS`.
        level: Noise level trained at.
        psnr: Trains a network and measures it on the held-out images, dB.
    """
    without = psnr(Network("plain", level))
    for lam in GRIDS[kind]:
        network = Network(kind, level, lam)
        found = psnr(network)
        yield Trial(network, found, without - found)
        if without - found > MAX_COST_DB:
            return


def choose(trials: Sequence[Trial]) -> Network:
    """Return the largest lambda that costs at most `MAX_COST_DB`, or the smallest if all cost more.

    The rule was fixed before any test image was looked at.
    """
    affordable = [trial for trial in trials if trial.cost <= MAX_COST_DB]
    return (affordable[-1] if affordable else trials[0]).network


@dataclass(frozen=True)
class Trained:
    """What came of the training.

    Attributes:
        networks: All that are to be tested.
        trials: All lambdas that were tried.
    """

    networks: list[Network]
    trials: list[Trial]


def train_all(workshop: Workshop, recipe: Recipe, num_seeds: int, told: Callable[[Network], None]) -> Trained:
    """Train what Figure 3 needs: ``plain`` and ``lrr`` with every seed, the others with the first.

    Args:
        workshop: Trains and keeps.
        recipe: What is trained.
        num_seeds: How many seeds.
        told: Called with each network when it is there.
    """

    def psnr(network: Network) -> float:
        found = workshop.psnr(network)
        told(network)
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
        workshop.about(network)
        told(network)
    return Trained(networks, trials)


def trial_rows(trained: Trained) -> list[dict[str, Any]]:
    """Return the search for lambda as rows of a record."""
    return [
        {
            "kind": "trial",
            "network": trial.network.kind,
            "trained_at": trial.network.level,
            "lam": trial.network.lam,
            "held_out_psnr": round(trial.psnr, 3),
            "cost_db": round(trial.cost, 3),
            "chosen": trial.network in trained.networks,
        }
        for trial in trained.trials
    ]
