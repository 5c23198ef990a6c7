"""A batch of inpainting problems of one shape, as tensors on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.channels import as_channels, to_pixels
from edlrr_cli.parallel import map_in_threads, num_workers
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.problem import Bools, InpaintProblem, Pixels

_TINY = 1e-12


class Batch:
    """Data of b images.

    Args:
        problems: At least one, all of one shape.
        config: Settings, except the noise, which is that of each problem.

    Attributes:
        device: Device of the tensors.
        Y: Given images, shape (b, c, h, w), float32, as all tensors of images in this class.
        filled: First fills, shape (h, w, c) each.
        start: First fills as a tensor.
        is_exact: Whether an image has no noise, so that its known pixels are kept, shape (b,), bool.
        all_exact: Whether all images are exact.
        noise: Noise level of each image, shape (b,).
        num_observed: Number of known values that are not hidden, shape (b,).
    """

    def __init__(self, problems: Sequence[InpaintProblem], config: Config) -> None:
        self.device = resolve_device(config.device)
        hidden = [
            held_out(problem.known, config.held_out, np.random.default_rng(config.seed), problem.visible)
            for problem in problems
        ]
        observed = [problem.known & ~hide for problem, hide in zip(problems, hidden, strict=True)]
        self._problems = problems
        seen, self._hidden = self._mask_tensor(observed), self._mask_tensor(hidden)
        num_channels = problems[0].image.shape[2]
        self._num_hidden = self._hidden.sum((1, 2, 3)) * num_channels
        levels = [problem.noise for problem in problems]
        self.noise = torch.tensor(levels, dtype=torch.float32, device=self.device)
        self.is_exact = self.noise == 0
        self.all_exact = all(problem.noise == 0 for problem in problems)
        self.num_observed = seen.sum((1, 2, 3)) * num_channels
        self.Y = self.tensor([problem.image for problem in problems])
        self.filled = _filled(problems, observed, config.fill)
        self.start = self.tensor(self.filled)
        # Products with masks of 0 and 1 take a tenth of the time of `torch.where`.
        kept = seen & self.is_exact[:, None, None, None]
        self._seen, self._free = seen.to(self.Y), (~kept).to(self.Y)
        self._seen_Y, self._kept_Y = (torch.where(where, self.Y, 0.0) for where in (seen, kept))

    def tensor(self, images: Sequence[Pixels]) -> Tensor:
        """Return images as channels (b, c, h, w), float32, on the device; negligible values become 0."""
        X = torch.stack([as_channels(image, device=self.device, dtype=torch.float32) for image in images])
        # The weights of a channel of nothing but such values would overflow.
        return torch.where(X.abs() < _TINY, 0.0, X)

    def compose(self, Z: Tensor) -> Tensor:
        """Return the images for a variable Z: known pixels of exact images are kept."""
        return torch.addcmul(self._kept_Y, Z, self._free)

    def data_term(self, X: Tensor) -> Tensor:
        """Return ||P(X) - P(Y)||_F^2, summed over the channels, shape (b,)."""
        return (X * self._seen - self._seen_Y).square().sum((1, 2, 3))

    def held_out_rmse(self, X: Tensor) -> list[float | None]:
        """Return the root mean square error on the hidden pixels of each image, None where there are none."""
        squares = torch.where(self._hidden, X - self.Y, 0.0).square().sum((1, 2, 3))
        errors = (squares / self._num_hidden).sqrt().tolist()
        return [
            error if count else None for error, count in zip(errors, self._num_hidden.tolist(), strict=True)
        ]

    def held_out_weight(self, X: Tensor) -> Tensor:
        """Return the weight of X in its mixture with the start that best fits the hidden pixels, shape (b,).

        It is 1 for noisy images, since a noisy start would bring the noise back.
        """
        step, wanted = (torch.where(self._hidden, target - self.start, 0.0) for target in (X, self.Y))
        weight = (step * wanted).sum((1, 2, 3)) / step.square().sum((1, 2, 3)).clamp_min(_TINY)
        judged = (self._num_hidden > 0) & self.is_exact
        return torch.where(judged, weight.clamp(0.0, 1.0), 1.0)

    def restored(self, index: int, X: Tensor) -> Pixels:
        """Return a restored image (h, w, c) in [0, 1] from channels (c, h, w), exact known pixels kept."""
        problem, pixels = self._problems[index], to_pixels(X).clip(0.0, 1.0)
        return pixels if problem.noise else np.where(problem.known[..., None], problem.image, pixels)

    def _mask_tensor(self, masks: Sequence[Bools]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.stack(masks)))[:, None].to(self.device)


def _filled(problems: Sequence[InpaintProblem], observed: Sequence[Bools], method: str) -> list[Pixels]:
    pairs = list(zip(problems, observed, strict=True))
    num_threads = min(num_workers(), len(pairs))
    return list(
        map_in_threads(lambda pair: fill(pair[0].image, pair[1], method), pairs, num_threads=num_threads)
    )
