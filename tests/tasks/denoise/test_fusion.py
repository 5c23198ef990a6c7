from dataclasses import replace

import numpy as np
import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.metrics import psnr
from edlrr_cli.pipelines.denoisers import load_denoiser
from edlrr_cli.tasks.denoise.config import Config
from edlrr_cli.tasks.denoise.fusion import denoise_blended
from edlrr_cli.tasks.denoise.lowrank import denoise_lowrank
from edlrr_cli.tasks.denoise.run import denoise


@pytest.fixture(scope="module")
def case():
    """Stripes, disks and their noise."""
    y, x = np.mgrid[:64, :64]
    clean = 0.5 + 0.2 * np.sign(np.sin(0.7 * (x + y))) * (x < 40) + 0.2 * (np.hypot(x - 48, y - 30) < 10)
    noise = 0.1 * np.random.default_rng(0).standard_normal(clean.shape)
    return clean[..., None], (clean + noise)[..., None]


def test_more_effort_restores_more(case):
    clean, noisy = case
    found = [
        denoise(noisy, Config(sigma=0.1, quality=quality, device="cpu"), load_denoiser()).pixels
        for quality in ("fast", "balanced", "best")
    ]
    fast, balanced, best = (psnr(pixels, clean, data_range=1) for pixels in found)
    assert balanced > fast + 0.3
    assert best > fast + 0.3


def test_the_blend_is_of_all_orientations_of_the_network_and_of_low_rank(case):
    image = torch.from_numpy(case[1]).permute(2, 0, 1).float()
    seen = []

    def darken(turned, progress):
        seen.append(turned)
        return turned / 2

    blended = denoise_blended(image, 0.1, darken)
    torch.testing.assert_close(blended, 0.4 * image / 2 + 0.6 * denoise_lowrank(image, 0.1))
    assert len({bytes(turned.numpy().tobytes()) for turned in seen}) == 8


def test_the_progress_of_all_parts_adds_up(case):
    for quality in ("balanced", "best"):
        reported = []
        config = Config(sigma=0.1, quality=quality, device="cpu")
        denoise(
            case[1],
            config,
            load_denoiser(),
            progress=lambda number, total, r=reported: r.append(number / total),
        )
        assert reported == sorted(reported)
        assert reported[-1] == 1


def test_color_and_mixed_batches_are_fused(case):
    color = case[1] * np.array([1.0, 0.9, 0.8])
    config = Config(sigma=0.1, quality="balanced", device="cpu")
    assert denoise(color, config, load_denoiser()).pixels.shape == (64, 64, 3)
    assert np.array_equal(
        denoise(case[1].repeat(3, 2), config, load_denoiser()).pixels[..., :1],
        denoise(case[1], config, load_denoiser()).pixels,
    )


def test_photographs_are_left_to_the_network_with_a_note(case):
    config = Config(noise_type="photo", quality="best", device="cpu")
    found = denoise(case[1], config, load_denoiser())
    assert np.array_equal(
        found.pixels, denoise(case[1], replace(config, quality="fast"), load_denoiser()).pixels
    )
    assert any("fast was used" in note for note in found.notes)


def test_other_methods_have_no_quality():
    with pytest.raises(UsageError, match="quality is a setting of the method network, not of lrr"):
        Config(method="lrr", quality="best")
    with pytest.raises(UsageError, match="unknown quality"):
        Config(quality="bset")
