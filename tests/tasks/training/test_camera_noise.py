import pytest
import torch

from edlrr_cli.tasks.training.camera_noise import photographed, source_px
from edlrr_cli.tasks.training.data import Dataset, generator_of
from edlrr_cli.tasks.training.patch_level import apparent_level, estimated_level

CPU = torch.device("cpu")


def shades(side):
    x = torch.linspace(0.2, 0.8, side)
    return torch.stack([x.expand(side, side), x[:, None].expand(side, side), torch.full((side, side), 0.5)])


def test_patches_have_their_size_and_the_level_of_their_noise():
    clean = shades(source_px(32)).expand(3, -1, -1, -1)
    for step in range(12):  # among them resized, enlarged and compressed ones
        noisy, noise, level = photographed(clean, 32, generator_of(0, step, 0, CPU))
        assert noisy.shape == noise.shape == (3, 3, 32, 32)
        assert bool(((noisy >= 0) & (noisy <= 1)).all())
        factor = level / apparent_level(noise)
        assert bool(((factor > 0.66) & (factor < 1.5)).all())


def test_white_noise_has_its_level_at_both_scales_and_texture_adds_to_the_estimate():
    noise = 0.1 * torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert float(apparent_level(noise)) == pytest.approx(0.1, rel=0.06)
    assert float(estimated_level(0.5 + noise)) == pytest.approx(0.1, rel=0.1)
    stripes = 0.3 * (torch.arange(128) // 3 % 2) * (torch.arange(128)[:, None] // 3 % 2)
    assert float(estimated_level(stripes + noise)) > 0.12


@pytest.mark.parametrize(("camera", "expected"), [(0.0, 0), (0.25, 1), (1.0, 4)])
def test_a_fraction_of_the_patches_is_photographed(camera, expected):
    image = (255 * shades(64)).round().to(torch.uint8)
    dataset = Dataset([image], patch_px=16, device=CPU, camera=camera)
    noisy = dataset.patches(4, (0.2, 0.2), generator_of(0, 0, 0, CPU))
    assert noisy.images.shape == (4, 3, 16, 16)
    # White noise is not clipped and its level is known.
    assert int((noisy.sigma != 0.2).sum()) == expected


def test_levels_are_estimated_for_a_fraction_of_the_patches():
    image = (255 * shades(64)).round().to(torch.uint8)
    dataset = Dataset([image], patch_px=16, device=CPU, estimated=0.5)
    levels = dataset.patches(400, (0.1, 0.1), generator_of(0, 0, 0, CPU)).sigma
    known = float((levels == 0.1).float().mean())
    assert known == pytest.approx(0.5, abs=0.08)
    assert float(levels.mean()) == pytest.approx(0.1, rel=0.15)
