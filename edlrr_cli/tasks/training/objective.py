"""Training loss: error of the predicted noise on patches plus a low-rank penalty on full images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from edlrr_cli.lrr.names import parse_reg
from edlrr_cli.lrr.patch_regularizer import PatchLowRank
from edlrr_cli.lrr.regularizer import LowRankRegularizer
from edlrr_cli.lrr.series import make_function
from edlrr_cli.lrr.spectral import largest_singular_value, resolve_scale
from edlrr_cli.networks.bias_free import BiasFreeNorm
from edlrr_cli.tasks.training.config import Config
from edlrr_cli.tasks.training.data import Noisy

# Lower bound of the noise level in the weights, or the error on nearly clean patches would dominate.
_FLOOR = 2 / 255


class Objective(nn.Module):
    """E[|f(X) - N|^2] on patches + lambda R(X - f(X)) on full images, in units of the noise power.

    With n x m pixels of noise sigma, whose largest singular value is about t = sigma (sqrt(n) + sqrt(m)):

        data = |f(X) - N|^2 / (n m sigma sigma_max),
        low rank = t s R(S / s) / (n m sigma sigma_max),  S = X - f(X) less its mean, or f(X) - N,

    where s is the default scale of the penalty. With lambda = 1, the slope at vanishing singular values is
    that at which the nuclear norm would remove all noise.

    With ``lrr_matrices`` windows or groups, it is the mean over the matrices of patches, with their shape for
    n x m, s = t, and the exact h: at the scale of the noise their spectra leave the range of a series.

    Args:
        network: Maps images and noise levels to the noise.
        config: Settings of the loss.

    Source: section 4.3, "Regularizing DNN-based denoising models". Deviations: the penalty acts on the
        estimated clean image, as in its text, or on f(X) - N, as in its formula (``lrr_target``); the units,
        since no lambda is published; no batch statistics are computed from the full images.
    """

    def __init__(self, network: nn.Module, config: Config) -> None:
        super().__init__()
        self.network = network
        self._config = config
        self._penalty = LowRankRegularizer(config.reg, gamma=config.gamma)
        self._h = make_function(config.reg, config.gamma)
        if config.lrr_matrices != "image":
            self._patches = PatchLowRank(
                config.lrr_matrices, _exact(config.reg), gamma=config.gamma, scale=1.0
            )

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
        return (errors / self._power(patches.sigma, self._config.sigma.normalized[1])).mean()

    def _rank_term(self, noisy: Noisy) -> Tensor:
        predicted = self._noise(noisy)
        on_error = self._config.lrr_target == "error"
        penalized = predicted - noisy.noise if on_error else noisy.images - predicted
        if self._config.lrr_matrices == "image":
            return self._image_term(penalized.flatten(0, 1), noisy.sigma)
        return self._patch_term(penalized, noisy.sigma)

    def _image_term(self, S: Tensor, sigma: Tensor) -> Tensor:
        S = S - S.mean((1, 2), keepdim=True)
        scale = resolve_scale(self._h, largest_singular_value(S.detach()).double(), None).to(S.dtype)
        height, width = S.shape[-2:]
        edge = sigma * (height**0.5 + width**0.5)
        power = self._power(sigma, self._config.rank_levels.normalized[1])
        rank: Tensor = self._penalty(S)
        scaled: Tensor = edge * scale * rank / (height * width * power)
        return scaled.mean()

    def _patch_term(self, images: Tensor, sigma: Tensor) -> Tensor:
        rows, columns = self._patches.matrix_shape
        edge = sigma.clamp_min(_FLOOR) * (rows**0.5 + columns**0.5)
        power = self._power(sigma, self._config.rank_levels.normalized[1])
        rank: Tensor = self._patches(images / edge[:, None, None, None])
        scaled: Tensor = edge**2 * rank / (rows * columns * power)
        return scaled.mean()

    @staticmethod
    def _power(sigma: Tensor, largest: float) -> Tensor:
        return sigma.clamp_min(_FLOOR) * largest


def _exact(reg: str) -> str:
    """Return the name of a penalty without its series."""
    name = parse_reg(reg)
    return reg if name.expansion == "exact" else f"exact-{name.penalty}"


@contextmanager
def running_statistics(network: nn.Module) -> Iterator[None]:
    """Make normalization layers use their running statistics, without updating them, in a block of code."""
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
