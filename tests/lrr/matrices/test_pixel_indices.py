from __future__ import annotations

import pytest
import torch

from edlrr_cli.lrr.matrices.pixel_indices import add_at, runs_of


@pytest.mark.parametrize("shape", [(9, 7, 1), (9, 7, 3), (2, 5, 6, 4), (1, 4, 1)])
def test_runs_are_the_pixels_one_by_one(shape):
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    pixels = images.view(-1, shape[-1])
    length = min(3, shape[-2])
    last = len(pixels) - length
    indices = torch.tensor([[0, last], [last // 2, 1], [last, last]])
    runs = runs_of(images, indices, length)
    assert runs.shape == (3, 2, length * shape[-1])
    for run, position in zip(runs.flatten(0, 1), indices.flatten().tolist(), strict=True):
        assert torch.equal(run.view(length, -1), pixels[position : position + length])


def test_runs_of_a_part_of_the_memory():
    images = torch.arange(24.0).view(2, 2, 3, 2)
    assert runs_of(images[1], torch.tensor([0]), 2).tolist() == [[12.0, 13.0, 14.0, 15.0]]


def test_images_that_are_not_laid_out_so_are_refused():
    with pytest.raises(RuntimeError, match="view"):
        runs_of(torch.rand(3, 5, 6).permute(1, 2, 0), torch.tensor([0]), 2)


@pytest.mark.parametrize("num_channels", [1, 3])
def test_what_is_added_at_one_place_adds_up(num_channels):
    total = torch.ones(2, 3, 4, num_channels, dtype=torch.float64)
    indices = torch.tensor([[5, 5], [23, 0]])
    values = torch.rand(2, 2, num_channels, dtype=torch.float64)
    expected = total.clone().view(-1, num_channels)
    for position, value in zip(indices.flatten().tolist(), values.flatten(0, 1), strict=True):
        expected[position] += value
    add_at(total, indices, values)
    torch.testing.assert_close(total.view(-1, num_channels), expected)
