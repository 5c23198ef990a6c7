"""Pictures of one shape on the device: what is observed, what is hidden, how a variable becomes an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from edlrr_cli.baselines.channels import as_channels, to_pixels
from edlrr_cli.parallel import map_in_threads, num_workers
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.holdout import held_out
from edlrr_cli.tasks.inpaint.picture import Bools, Damaged, Pixels

_TINY = 1e-12


class Problem:
    """The data of b pictures.

    Args:
        pictures: At least one, all of one shape.
        config: Settings; the noise is the pictures' own.

    Attributes:
        device: Where the tensors are.
        Y: What was given, shape (b, c, h, w), float32, as all pictures here.
        filled: The start as it was computed, shape (h, w, c) each.
        start: The same on the device.
        is_exact: Whether a picture has no noise, so that its known pixels stay, shape (b,), bool.
        all_exact: Whether that is true of all.
        noise: Of each picture, shape (b,).
        num_observed: Known values that are not hidden, shape (b,).
    """

    def __init__(self, pictures: Sequence[Damaged], config: Config) -> None:
        self.device = resolve_device(config.device)
        hidden = [
            held_out(picture.known, config.held_out, np.random.default_rng(config.seed), picture.visible)
            for picture in pictures
        ]
        observed = [picture.known & ~hide for picture, hide in zip(pictures, hidden, strict=True)]
        self._pictures = pictures
        seen, self._hidden = self._places(observed), self._places(hidden)
        num_channels = pictures[0].image.shape[2]
        self._num_hidden = self._hidden.sum((1, 2, 3)) * num_channels
        levels = [picture.noise for picture in pictures]
        self.noise = torch.tensor(levels, dtype=torch.float32, device=self.device)
        self.is_exact = self.noise == 0
        self.all_exact = all(picture.noise == 0 for picture in pictures)
        self.num_observed = seen.sum((1, 2, 3)) * num_channels
        self.Y = self.tensor([picture.image for picture in pictures])
        self.filled = _filled(pictures, observed, config.fill)
        self.start = self.tensor(self.filled)
        # Products with 0 and 1 take a tenth of the time of `torch.where`.
        kept = seen & self.is_exact[:, None, None, None]
        self._seen, self._free = seen.to(self.Y), (~kept).to(self.Y)
        self._seen_Y, self._kept_Y = (torch.where(where, self.Y, 0.0) for where in (seen, kept))

    def tensor(self, images: Sequence[Pixels]) -> Tensor:
        """Return the channels (b, c, h, w), float32, on the device; what no picture can show is 0."""
        X = torch.stack([as_channels(image, device=self.device, dtype=torch.float32) for image in images])
        # The weights of a channel that has nothing but such values would overflow.
        return torch.where(X.abs() < _TINY, 0.0, X)

    def compose(self, Z: Tensor) -> Tensor:
        """Return the images of a variable: known pixels put back where they are exact."""
        return torch.addcmul(self._kept_Y, Z, self._free)

    def data_term(self, X: Tensor) -> Tensor:
        """Return ||P(X) - P(Y)||_F^2, summed over the channels, shape (b,)."""
        return (X * self._seen - self._seen_Y).square().sum((1, 2, 3))

    def held_out_rmse(self, X: Tensor) -> list[float | None]:
        """Return the root mean square errors on the hidden known pixels, None where there are none."""
        squares = torch.where(self._hidden, X - self.Y, 0.0).square().sum((1, 2, 3))
        errors = (squares / self._num_hidden).sqrt().tolist()
        return [
            error if count else None for error, count in zip(errors, self._num_hidden.tolist(), strict=True)
        ]

    def held_out_weight(self, X: Tensor) -> Tensor:
        """Return the shares of X in the mixture with the start that fit the hidden known pixels best, (b,).

        A noisy start would bring its noise back: then all is X.
        """
        step, wanted = (torch.where(self._hidden, of - self.start, 0.0) for of in (X, self.Y))
        weight = (step * wanted).sum((1, 2, 3)) / step.square().sum((1, 2, 3)).clamp_min(_TINY)
        judged = (self._num_hidden > 0) & self.is_exact
        return torch.where(judged, weight.clamp(0.0, 1.0), 1.0)

    def restored(self, index: int, X: Tensor) -> Pixels:
        """Return an image (h, w, c) in [0, 1] of one picture (c, h, w), exact known pixels as they came."""
        picture, pixels = self._pictures[index], to_pixels(X).clip(0.0, 1.0)
        return pixels if picture.noise else np.where(picture.known[..., None], picture.image, pixels)

    def _places(self, masks: Sequence[Bools]) -> Tensor:
        return torch.from_numpy(np.stack(masks))[:, None].to(self.device)


def _filled(pictures: Sequence[Damaged], observed: Sequence[Bools], method: str) -> list[Pixels]:
    pairs = list(zip(pictures, observed, strict=True))
    num_threads = min(num_workers(), len(pairs))
    return list(
        map_in_threads(lambda pair: fill(pair[0].image, pair[1], method), pairs, num_threads=num_threads)
    )
