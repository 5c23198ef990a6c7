import pytest
import torch

from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.training.data import Dataset, generator_of, hold_out

CPU = torch.device("cpu")


def ramp(height, width, start=0):
    """Every pixel tells where it is."""
    return ((torch.arange(height * width).reshape(1, height, width) + start) % 251).to(torch.uint8)


def dataset(*images, patch_px=8):
    return Dataset(images, patch_px=patch_px, device=CPU)


def clean_levels(noisy):
    return ((noisy.images - noisy.noise) * 255).round().to(torch.uint8)


def views(image):
    for turned in (torch.rot90(image, turns, (1, 2)) for turns in range(4)):
        yield turned
        yield turned.flip(1)


def test_patches_are_turned_and_mirrored_pieces_of_the_images():
    image = ramp(17, 18)  # scaled copies are smaller than a patch
    pieces = [image[:, top : top + 16, left : left + 16] for top in range(2) for left in range(3)]
    expected = {bytes(view.flatten().tolist()) for piece in pieces for view in views(piece)}
    drawn = clean_levels(dataset(image, patch_px=16).patches(500, (0.1, 0.1), generator_of(0, 0, 0, CPU)))
    found = {bytes(patch.flatten().tolist()) for patch in drawn}
    assert found == expected


def test_noise_has_the_levels_asked_for():
    noisy = dataset(ramp(40, 50)).patches(400, (0.1, 0.3), generator_of(0, 0, 0, CPU))
    assert float(noisy.sigma.min()) >= 0.1
    assert float(noisy.sigma.max()) <= 0.3
    assert float(noisy.sigma.std()) == pytest.approx(0.2 / 12**0.5, rel=0.1)
    # 400 x 64 normal variables: their deviation is known to 0.44 %.
    ratio = (noisy.noise / noisy.sigma[:, None, None, None]).std()
    assert float(ratio) == pytest.approx(1, abs=0.02)


def test_full_images_are_whole_and_large_ones_cut():
    small, large = ramp(20, 31), ramp(300, 280)
    for image, shape in ((small, (20, 30)), (large, (256, 256))):
        noisy = dataset(image).full_image((0.1, 0.1), generator_of(0, 0, 0, CPU))
        assert noisy.images.shape == (1, 1, *shape)
    levels = clean_levels(dataset(small).full_image((0.1, 0.1), generator_of(0, 1, 0, CPU)))[0]
    assert any(torch.equal(levels, small[..., left : left + 30]) for left in (0, 1))


def test_a_step_draws_the_same_again_and_others_something_else():
    def draw(*key):
        return dataset(ramp(40, 50)).patches(3, (0, 0.3), generator_of(*key, CPU)).images

    assert torch.equal(draw(0, 5, 0), draw(0, 5, 0))
    others = [(1, 5, 0), (0, 6, 0), (0, 5, 1), (2**32 - 1, 5, 0)]
    assert not any(torch.equal(draw(0, 5, 0), draw(*key)) for key in others)


def test_images_smaller_than_a_patch_are_left_out_or_refused():
    assert clean_levels(
        dataset(ramp(4, 50), torch.full((1, 8, 8), 7, dtype=torch.uint8)).patches(
            9, (0, 0.1), generator_of(0, 0, 0, CPU)
        )
    ).unique().tolist() == [7]
    with pytest.raises(UsageError, match="no image is as large as a patch of 8 pixels"):
        dataset(ramp(4, 50))


def test_held_out_images_are_distinct_and_leave_some():
    assert len(set(hold_out(11, 10))) == 10
    with pytest.raises(UsageError, match="give a folder of more images"):
        hold_out(10, 10)
