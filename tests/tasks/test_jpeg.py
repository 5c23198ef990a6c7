import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from edlrr_cli.metrics import psnr
from edlrr_cli.tasks.jpeg import compress_jpeg

SAMPLES = Path(__file__).parents[2] / "sample_images"


def compressed_by_pillow(image, quality, *, halves_colors):
    stream = io.BytesIO()
    image.save(stream, "jpeg", quality=quality, subsampling=2 if halves_colors else 0)
    return np.asarray(Image.open(stream)) / 255


@pytest.mark.parametrize("halves_colors", [False, True])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_the_losses_are_those_of_libjpeg(quality, halves_colors):
    with Image.open(SAMPLES / "coffee.png") as opened:
        image = opened.convert("RGB").crop((40, 30, 141, 133))  # sides that are no multiples of a block
    clean = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
    ours = compress_jpeg(clean, torch.tensor([float(quality)]), halves_colors=halves_colors)
    expected = compressed_by_pillow(image, quality, halves_colors=halves_colors)
    pixels, before = (values[0].permute(1, 2, 0).double().numpy() for values in (ours, clean))
    loss = psnr(expected, before, data_range=1)
    assert psnr(pixels, before, data_range=1) == pytest.approx(loss, abs=0.4)
    assert psnr(pixels, expected, data_range=1) > loss + 4


def test_each_image_has_its_quality():
    images = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    both = compress_jpeg(images, torch.tensor([20.0, 90.0]), halves_colors=False)
    for index, quality in enumerate((20.0, 90.0)):
        single = compress_jpeg(images[index : index + 1], torch.tensor([quality]), halves_colors=False)
        assert torch.equal(both[index], single[0])
