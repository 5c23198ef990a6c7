from __future__ import annotations

import numpy as np
import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics import psnr
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.fill import fill
from edlrr_cli.tasks.inpaint.plug_and_play import inpaint_plug_and_play
from edlrr_cli.tasks.inpaint.restore import restore


@pytest.fixture(scope="module")
def case():
    y, x = np.mgrid[:64, :64]
    image = np.repeat((0.2 + 0.6 * (np.hypot(x - 30, y - 34) < 20))[..., None], 3, axis=2)
    known = np.random.default_rng(0).random((64, 64)) >= 0.5
    return image, known, fill(np.where(known[..., None], image, 0.0), known, "biharmonic")


@pytest.mark.parametrize("channels", [1, 3])
def test_edges_become_clean(case, channels):
    image, known, start = (part[..., :channels] if part.ndim == 3 else part for part in case)
    X = torch.from_numpy(start).permute(2, 0, 1).float()
    result = inpaint_plug_and_play(X[None], torch.from_numpy(known)[None], load_denoiser())[0]
    pixels = result.permute(1, 2, 0).numpy()
    assert psnr(pixels, image, data_range=1) > psnr(start, image, data_range=1) + 0.5
    assert torch.equal(result[:, torch.from_numpy(known)], X[:, torch.from_numpy(known)])


def test_a_batch_comes_to_what_each_comes_to_alone(case):
    _, known, start = case
    X = torch.from_numpy(start).permute(2, 0, 1).float()
    images = torch.stack([X, 1 - X.flip(1)])
    holes = torch.from_numpy(np.stack([known, known[::-1]]))
    least = torch.tensor([0.0, 0.02])
    together = inpaint_plug_and_play(images, holes, load_denoiser(), least_error=least)
    for index in range(2):
        some = slice(index, index + 1)
        one = inpaint_plug_and_play(images[some], holes[some], load_denoiser(), least_error=least[some])
        torch.testing.assert_close(together[some], one, rtol=0, atol=1e-4)


def test_it_needs_a_denoiser(case):
    image, known, _ = case
    with pytest.raises(UsageError, match="the prior network needs a denoiser"):
        restore(image, known, Config(prior="network"))
    result = restore(image, known, Config(prior="network", steps=10), denoiser=load_denoiser())
    assert (result.restored[known] == image[known]).all()
