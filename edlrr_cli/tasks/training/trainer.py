"""Training step by step; the state contains everything that determines the next step."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from edlrr_cli.errors import NumericsError
from edlrr_cli.networks.build import build_network
from edlrr_cli.tasks.checks import require_same
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.data import Dataset, generator_of, hold_out, rescale
from edlrr_cli.tasks.training.distributed import Process
from edlrr_cli.tasks.training.objective import Objective
from edlrr_cli.tasks.training.schedule import one_cycle
from edlrr_cli.tasks.training.validation import Validation

_EMA_DECAY = 0.995
_MAX_GRADIENT = 1.0


@dataclass(frozen=True)
class Step:
    """Record of a training step.

    Attributes:
        count: Number of the step, from 1.
        progress: Fraction of the run done before the step, in [0, 1].
        rank: Low-rank term, without lambda; None if it was not evaluated.
    """

    count: int
    progress: float
    lr: float
    data: float
    rank: float | None


class Trainer:
    """Trains a network.

    Args:
        images: Clean images, each of shape (c, h, w), c = 1 or, for color, 3, uint8; some are held out for
            validation.
        process: This process of a distributed run, in which batches differ and gradients are averaged.

    Raises:
        UsageError: There are too few images, or none is as large as a patch.
        DeviceError: The device is not available.
    """

    def __init__(self, images: Sequence[Tensor], config: Config, process: Process | None = None) -> None:
        self.config = config
        self.process = process or Process()
        self._device = resolve_device(config.device)
        self._num_images = len(images)
        held_out = hold_out(len(images), config.held_out)
        reduced = [rescale(image, config.scale) for image in images]
        kept = [image for index, image in enumerate(reduced) if index not in held_out]
        self._dataset = Dataset(
            kept,
            patch_px=config.patch_px,
            device=self._device,
            camera=config.camera,
            estimated=config.estimated,
        )
        self._validation = Validation([reduced[index] for index in held_out], config.sigma, self._device)
        self._data_hash = _hash_of(images)
        network = _fresh_network(config).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._network = network
        self._averaged = AveragedModel(network, avg_fn=_average, use_buffers=True)
        objective = Objective(network, config)
        self._objective = objective if self.process.count == 1 else DistributedDataParallel(objective)
        self._optimizer = torch.optim.Adam(network.parameters(), lr=config.lr)
        self.count = 0
        self._elapsed_s = 0.0
        self._since = time.perf_counter()

    @property
    def elapsed_s(self) -> float:
        """Return the seconds of training so far, including those before a resumption."""
        return self._elapsed_s + time.perf_counter() - self._since

    @property
    def progress(self) -> float:
        """Return the fraction of the run that is done, in [0, 1]; the same in all processes."""
        if self.config.steps is not None:
            return self.count / self.config.steps
        assert self.config.time_budget is not None
        return min(self.process.agree(self.elapsed_s) / self.config.time_budget, 1.0)

    def step(self, progress: float) -> Step:
        """Take one step.

        Args:
            progress: Current progress, which determines the learning rate.

        Raises:
            NumericsError: The loss is NaN or Inf.
        """
        config = self.config
        lr = config.lr * one_cycle(progress)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        generator = generator_of(config.seed, self.count, self.process.rank, self._device)
        patches = self._dataset.patches(config.batch, config.sigma.normalized, generator)
        full = []
        if config.lam > 0 and self.count % config.lrr_every == 0:
            levels = config.rank_levels.normalized
            full = [self._dataset.full_image(levels, generator) for _ in range(config.lrr_images)]
        self._network.train()
        try:
            data, rank = self._objective(patches, full)
        except NumericsError as error:  # the network's output is NaN or Inf
            raise self._diverged() from error
        self._descend(data + config.lam * config.lrr_every * rank)
        self.count += 1
        return Step(self.count, progress, lr, float(data.detach()), float(rank.detach()) if full else None)

    def _descend(self, loss: Tensor) -> None:
        if not bool(torch.isfinite(loss)):
            raise self._diverged()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.parameters(), _MAX_GRADIENT)
        self._optimizer.step()
        self._averaged.update_parameters(self._network)

    def _diverged(self) -> NumericsError:
        return NumericsError(f"training diverged in step {self.count + 1}", "lower --lr or --lam")

    def validate(self) -> dict[str, float]:
        """Return the mean PSNR in dB of the averaged network on the held-out images, by noise level."""
        return self._validation.measure(self._averaged.module)

    def weights(self) -> dict[str, Tensor]:
        """Return the averaged weights, float32 on the CPU."""
        state = self._averaged.module.state_dict()
        return {name: value.detach().float().cpu().contiguous() for name, value in state.items()}

    def about(self) -> dict[str, Any]:
        """Return the metadata of the weights, as a JSON object."""
        config = self.config
        levels = {"sigma": str(config.sigma), "lrr_sigma": config.lrr_sigma and str(config.lrr_sigma)}
        return {
            "arch": config.arch,
            "depth": config.size.depth,
            "width": config.size.width,
            "channels": config.size.channels,
            "sigma": [config.sigma.least, config.sigma.largest],
            "psnr": self.validate(),
            "settings": {**asdict(config), **levels},
            "num_steps": self.count,
            "seconds": round(self.elapsed_s, 1),
            "num_images": self._num_images,
        }

    def state(self) -> dict[str, Any]:
        """Return everything that the next step depends on, for `torch.save`."""
        return {
            "settings": self._identity(),
            "count": self.count,
            "elapsed_s": self.elapsed_s,
            "network": self._network.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load(self, state: dict[str, Any]) -> None:
        """Resume from a state.

        Raises:
            UsageError: The state is from a run with other settings or images.
        """
        require_same("the checkpoint", state["settings"], self._identity())
        self._network.load_state_dict(state["network"])
        self._averaged.load_state_dict(state["averaged"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.count = int(state["count"])
        self._elapsed_s = float(state["elapsed_s"])
        self._since = time.perf_counter()

    def _identity(self) -> dict[str, Any]:
        # A run may be continued on another device, and its schedule stretched or shortened.
        free = ("device", "steps", "time_budget")
        settings = {name: value for name, value in asdict(self.config).items() if name not in free}
        return {**settings, "images": self._data_hash, "processes": self.process.count}


def _fresh_network(config: Config) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return build_network(config.arch, config.size)


def _average(averaged: Tensor, current: Tensor, num_averaged: Tensor | int) -> Tensor:
    """Return an exponential moving average, over fewer steps at the beginning."""
    if not averaged.is_floating_point():  # the batch counter of a normalization layer
        return current
    count = float(num_averaged)
    return torch.lerp(averaged, current, 1 - min(_EMA_DECAY, (1 + count) / (10 + count)))


def _hash_of(images: Sequence[Tensor]) -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(str(tuple(image.shape)).encode())
        digest.update(image.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
