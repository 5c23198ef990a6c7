"""What the library returns for what it is given: arrays, tensors, batches, any dtype."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.restoration import inpaint_biharmonic

import edlrr_cli
from edlrr_cli.errors import UsageError

FAST = {"prior": "global", "steps": 5}


@pytest.fixture(scope="module")
def damaged():
    rows, columns = np.mgrid[:24, :20] / 24
    image = np.stack([rows, columns, rows * columns], axis=-1)
    hole = np.zeros((24, 20), bool)
    hole[8:12, 6:11] = True
    return np.where(hole[..., None], 0.0, image), hole


def channels_first(image):
    return torch.from_numpy(np.moveaxis(image, -1, 0).copy())


def test_a_tensor_is_restored_as_the_array_is(damaged):
    image, hole = damaged
    array = edlrr_cli.inpaint(image, hole, **FAST)
    tensor = edlrr_cli.inpaint(channels_first(image), torch.from_numpy(hole), **FAST)
    assert torch.equal(tensor, channels_first(array))
    assert (array[hole] != 0).any()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_a_tensor_keeps_its_dtype_and_its_known_pixels(damaged, dtype):
    image, hole = damaged
    peak = 1 if dtype.is_floating_point else 255
    given = (peak * channels_first(image)).to(dtype)
    known = ~torch.from_numpy(hole)
    restored = edlrr_cli.inpaint(given, ~known, **FAST)
    assert restored.dtype == dtype
    assert torch.equal(restored[:, known], given[:, known])
    assert not torch.equal(restored, given)


@pytest.mark.parametrize("shape", [(2, 24, 20), (2, 1, 24, 20)])
def test_a_batch_has_a_mask_each_or_one_for_all(damaged, shape):
    image, hole = damaged
    batch = torch.stack([channels_first(image), channels_first(image.transpose(0, 1, 2)[::-1].copy())])
    masks = torch.from_numpy(np.stack([hole, hole[::-1]]))
    each = edlrr_cli.inpaint(batch, masks.reshape(shape), **FAST)
    alone = [edlrr_cli.inpaint(one, mask, **FAST) for one, mask in zip(batch, masks, strict=True)]
    assert torch.equal(each, torch.stack(alone))
    assert edlrr_cli.inpaint(batch, masks[0], **FAST).shape == batch.shape


def test_a_batch_of_nothing_is_nothing():
    empty = torch.zeros(0, 3, 8, 9)
    assert edlrr_cli.inpaint(empty, torch.zeros(8, 9, dtype=torch.bool)).shape == empty.shape
    assert edlrr_cli.denoise(empty).shape == empty.shape


def test_a_gray_tensor_without_channels(damaged):
    image, hole = damaged
    restored = edlrr_cli.inpaint(torch.from_numpy(image[..., 0]), torch.from_numpy(hole), **FAST)
    assert restored.shape == hole.shape


def test_no_gradient_flows_and_a_leaf_is_taken(damaged):
    image, hole = damaged
    leaf = channels_first(image).requires_grad_()
    assert not edlrr_cli.inpaint(leaf, torch.from_numpy(hole), **FAST).requires_grad


@pytest.mark.parametrize(
    ("image", "mask", "fault"),
    [
        (torch.zeros(5), torch.zeros(5, dtype=torch.bool), "expected (h, w), (c, h, w)"),
        (torch.zeros(3, 8, 8), torch.zeros(8, 8), "expected bool of shape (8, 8), got torch.float32"),
        (torch.zeros(3, 8, 8), torch.zeros(8, 9, dtype=torch.bool), "of (8, 9)"),
        (torch.zeros(4, 3, 8, 8), torch.zeros(3, 8, 8, dtype=torch.bool), "of (3, 8, 8)"),
        (torch.zeros(3, 8, 8), torch.zeros(8, dtype=torch.bool), "of (8,)"),
        (torch.zeros(3, 8, 8, dtype=torch.int32), torch.ones(8, 8, dtype=torch.bool), "got int32"),
    ],
)
def test_what_does_not_fit_is_named(image, mask, fault):
    with pytest.raises(UsageError) as caught:
        edlrr_cli.inpaint(image, mask, **FAST)
    assert fault in str(caught.value)


def test_denoise_takes_tensors_too(damaged):
    noisy = damaged[0] + 0.1 * np.random.default_rng(0).standard_normal(damaged[0].shape)
    array = edlrr_cli.denoise(noisy, sigma=0.1)
    tensor = edlrr_cli.denoise(channels_first(noisy)[None], sigma=0.1)
    assert torch.equal(tensor[0], channels_first(array))


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_the_function_in_scikit_images_manner(damaged, axis):
    image, hole = damaged
    levels = np.moveaxis((255 * image).round().astype(np.uint8), -1, axis)
    ours = edlrr_cli.inpaint_lowrank(levels, hole, channel_axis=axis, **FAST)
    theirs = inpaint_biharmonic(levels, hole, channel_axis=axis)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    assert np.abs(ours - theirs).max() < 0.1
    assert np.moveaxis(ours, axis, -1)[~hole] == pytest.approx(image[~hole], abs=1 / 500)


def test_a_colour_image_needs_its_channel_axis(damaged):
    image, hole = damaged
    with pytest.raises(UsageError, match="channel_axis says where"):
        edlrr_cli.inpaint_lowrank(image, hole)
