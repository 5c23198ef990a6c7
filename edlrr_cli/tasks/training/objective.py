"""The loss: how well the noise of patches is predicted, and how low the rank of full images becomes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from edlrr_cli.lrr.regularizer import LowRankRegularizer
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import largest_singular_value, resolve_scale
from edlrr_cli.networks.bias_free import BiasFreeNorm
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.data import Noisy

# Weaker noise weighs no more than this level, or the error on clean patches would be all that counts.
_FLOOR = 2 / 255


class Objective(nn.Module):
    """E[|f(X) - N|^2] on patches + lambda R(X - f(X)) on full images, in units of the noise power.

    With n x m pixels of noise sigma, whose largest singular value is about t = sigma (sqrt(n) + sqrt(m)):

        data = |f(X) - N|^2 / (n m sigma sigma_max),
        low rank = t s R(S / s) / (n m sigma sigma_max),  S = X - f(X) less its mean, or f(X) - N,

    where s is the unit of the singular values that the penalty takes for itself. A lambda of 1 pulls on
    vanishing singular values with the strength at which the nuclear norm would remove all noise.

    Args:
        network: Takes images and noise levels, returns the noise.
        config: Settings of the loss.

    Source: section 4.3, "Regularizing DNN-based denoising models". Deviations: the penalty acts on the
        estimated clean image, as its text says, or on f(X) - N, as its formula says (``lrr_target``); the
        units, since no lambda is printed; no batch statistics are taken of the full images.
    """

    def __init__(self, network: nn.Module, config: Config) -> None:
        super().__init__()
        self.network = network
        self._config = config
        self._penalty = LowRankRegularizer(config.reg, gamma=config.gamma)
        self._h = make_function(config.reg, config.gamma)

    def forward(self, patches: Noisy, full: Sequence[Noisy]) -> tuple[Tensor, Tensor]:
        """Return the data term and the low-rank term, without lambda; 0 if there are no full images."""
        data = self._data_term(patches)
        if not full:
            return data, torch.zeros_like(data)
        with running_statistics(self.network):
            ranks = [self._rank_term(noisy) for noisy in full]
        return data, torch.stack(ranks).mean()

    def _noise(self, noisy: Noisy) -> Tensor:
        device_type = noisy.images.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=self._config.precision == "bf16"):
            predicted: Tensor = self.network(noisy.images, noisy.sigma)
        return predicted.float()

    def _data_term(self, patches: Noisy) -> Tensor:
        errors = (self._noise(patches) - patches.noise).square().mean((1, 2, 3))
        return (errors / self._power(patches.sigma, self._config.sigma.unit[1])).mean()

    def _rank_term(self, noisy: Noisy) -> Tensor:
        predicted = self._noise(noisy)
        S = (predicted - noisy.noise if self._config.lrr_target == "error" else noisy.images - predicted)[
            :, 0
        ]
        S = S - S.mean()
        unit = resolve_scale(self._h, largest_singular_value(S.detach()).double(), None).to(S.dtype)
        height, width = S.shape[-2:]
        edge = noisy.sigma * (height**0.5 + width**0.5)
        power = self._power(noisy.sigma, self._config.rank_levels.unit[1])
        rank: Tensor = self._penalty(S)
        scaled: Tensor = edge * unit * rank / (height * width * power)
        return scaled.mean()

    @staticmethod
    def _power(sigma: Tensor, largest: float) -> Tensor:
        return sigma.clamp_min(_FLOOR) * largest


@contextmanager
def running_statistics(network: nn.Module) -> Iterator[None]:
    """Let normalisations use their running statistics and leave them as they are, in a block of code."""
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d | BiasFreeNorm) and module.training
    ]
    for norm in norms:
        norm.eval()
    try:
        yield
    finally:
        for norm in norms:
            norm.train()
