import numpy as np
import pytest
from PIL import Image

from edlrr_cli.media.gray import read_gray, read_levels


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)).save(path)
    return path


def test_color_is_read_as_three_channels_and_gray_as_one(image):
    assert np.array_equal(read_levels(image, color=True), np.asarray(Image.open(image)).transpose(2, 0, 1))
    assert np.array_equal(read_levels(image, color=False), read_gray(image)[None])


def test_gray_images_have_three_equal_channels_in_color(image):
    Image.open(image).convert("L").save(image)
    levels = read_levels(image, color=True)
    assert levels.shape == (3, 5, 7)
    assert np.array_equal(levels, np.broadcast_to(levels[:1], levels.shape))
