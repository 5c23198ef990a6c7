"""The low-rank term of patches as a prior of deepinv, which removes noise by gradient descent.

pip install deepinv
python docs/examples/deepinv_prior.py
"""

from __future__ import annotations

from typing import Any

import torch
from deepinv.loss.metric import PSNR
from deepinv.optim import GD, L2, Prior
from deepinv.physics import Denoising, GaussianNoise
from skimage import data
from torch import Tensor, nn

from edlrr_cli import PatchLowRank

SIGMA = 0.1


class LowRankPrior(Prior):
    """A low-rank term, R(x) of shape (b,), as an explicit prior of any optimizer of deepinv.

    deepinv passes the prior's parameter g_param along with the image; the term has its own settings.
    """

    def __init__(self, term: nn.Module) -> None:
        super().__init__()
        self.explicit_prior = True
        self.term = term

    def fn(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Return R of each image of a batch (b, c, h, w)."""
        value: Tensor = self.term(x)
        return value


def main() -> dict[str, float]:
    """Print the PSNR before and after, and return both in dB."""
    clean = torch.from_numpy(data.camera()[100:196, 180:276] / 255).float()[None, None]
    physics = Denoising(GaussianNoise(SIGMA, rng=torch.Generator().manual_seed(0)))
    noisy = physics(clean)
    # The term is a mean over the windows, one for each 8 x 8 pixels, so its weight grows with the image.
    prior = LowRankPrior(PatchLowRank("windows", "exact-geman", scale=10 * SIGMA))
    model = GD(L2(), prior, lambda_reg=10.0, stepsize=0.5, max_iter=20)
    with torch.no_grad():
        restored = model(noisy, physics)
    psnr = PSNR()
    found = {"noisy": float(psnr(noisy, clean)), "restored": float(psnr(restored, clean))}
    print(", ".join(f"{name} {value:.2f} dB" for name, value in found.items()))
    return found


if __name__ == "__main__":
    main()
