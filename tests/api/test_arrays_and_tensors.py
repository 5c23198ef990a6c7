"""What the library returns for what it is given: arrays, tensors, batches, any dtype."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.restoration import inpaint_biharmonic

import edlrr_cli
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.inpaint.config import Config
from edlrr_cli.tasks.inpaint.restore import restore

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
    empty = torch.zeros(0, 3, 8, 9, requires_grad=True)
    for result in (edlrr_cli.inpaint(empty, torch.zeros(8, 9, dtype=torch.bool)), edlrr_cli.denoise(empty)):
        assert result.shape == empty.shape
        assert not result.requires_grad
    with pytest.raises(UsageError, match="sigma must be"):
        edlrr_cli.denoise(empty, sigma=20)


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
        (torch.zeros(3, 8, 8), np.zeros((8, 8), bool), "mask: expected a tensor, as the image is one"),
        (torch.zeros(3, 8, 8), None, "mask: expected a tensor"),
        (torch.zeros(3, 0, 8), torch.zeros(0, 8, dtype=torch.bool), "at least 2 x 2 pixels, got 0 x 8"),
        (torch.zeros(0, 8, 8), torch.zeros(8, 8, dtype=torch.bool), "1 or more channels, got 0"),
        (
            torch.eye(8).to_sparse(),
            torch.eye(8).bool(),
            "image: expected a dense tensor, got torch.sparse_coo",
        ),
        (torch.eye(8), torch.eye(8).bool().to_sparse(), "mask: expected a dense tensor"),
        (torch.eye(8, device="meta"), torch.eye(8).bool(), "values cannot be read (Cannot copy out of meta"),
        (torch.eye(8).to(torch.complex64), torch.eye(8).bool(), "got complex64"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(image, mask, fault):
    with pytest.raises(UsageError) as caught:
        edlrr_cli.inpaint(image, mask, **FAST)
    assert fault in str(caught.value)


EYE = np.eye(8, dtype=bool)


@pytest.mark.parametrize(
    ("image", "mask", "fault"),
    [
        (np.ma.masked_array(np.eye(8), EYE), EYE, "image: masked arrays are not supported; pass its .data"),
        (np.eye(8), np.ma.masked_array(EYE, EYE), "mask: masked arrays are not supported"),
        (np.eye(8).tolist(), EYE, "image: expected a NumPy array, got list; convert it with numpy.asarray"),
        (memoryview(np.eye(8)), EYE, "expected a NumPy array, got memoryview"),
        (Image.new("L", (8, 8)), EYE, "expected a NumPy array, got Image"),
        (np.eye(8), Image.new("1", (8, 8)), "mask: expected a NumPy array, got Image"),
        (np.eye(8), torch.eye(8).bool(), "mask: expected a NumPy array, got Tensor"),
        (np.eye(8), None, "mask: expected a NumPy array, got NoneType"),
        (np.eye(8), np.eye(8, dtype=np.uint8), "got uint8 of (8, 8); a comparison such as mask > 0"),
        (np.eye(8), EYE[..., None], "mask: expected bool of shape (8, 8), got bool of (8, 8, 1)"),
        (np.eye(8, dtype=np.int64), EYE, "expected uint8, uint16 or floating, got int64; convert it"),
        (np.eye(8, dtype=np.uint32), EYE, "got uint32"),
        (EYE, EYE, "got bool"),
        (np.eye(8, dtype=object), EYE, "got object"),
        (np.array(0.5), EYE, "expected shape (h, w) or (h, w, c), got ()"),
        (np.zeros((0, 0)), EYE[:0, :0], "at least 2 x 2 pixels, got 0 x 0"),
        (np.zeros((8, 8, 0)), EYE, "1 or more channels, got 0"),
        (np.zeros((2, 8, 8, 3)), EYE, "got (2, 8, 8, 3)"),
    ],
)
def test_an_array_that_does_not_fit_is_named(image, mask, fault):
    with pytest.raises(UsageError) as caught:
        edlrr_cli.inpaint(image, mask, **FAST)
    assert fault in str(caught.value)
    if fault.startswith("image"):
        with pytest.raises(UsageError) as caught:
            edlrr_cli.denoise(image)
        assert fault in str(caught.value)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


class Subclass(np.ndarray):
    pass


LAYOUTS = {
    "Fortran order": np.asfortranarray,
    "transposed": lambda array: np.ascontiguousarray(array.T).T,
    "negative strides": lambda array: array[::-1].copy()[::-1],
    "every second": lambda array: array.repeat(2, 0).repeat(2, 1)[::2, ::2],
    "read-only": read_only,
    "subclass": lambda array: array.view(Subclass),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("prior", ["global", "local", "nonlocal"])
def test_strides_and_subclasses_do_not_matter(damaged, layout, prior):
    (image, hole), change = damaged, LAYOUTS[layout]
    expected = edlrr_cli.inpaint(image, hole, prior=prior, steps=3)
    given, mask = change(image), change(hole)
    restored = edlrr_cli.inpaint(given, mask, prior=prior, steps=3)
    assert type(restored) is np.ndarray
    assert np.array_equal(restored, expected)
    assert np.array_equal(given, image)
    whole = restore(given, ~mask, Config(prior=prior, steps=3))
    assert np.array_equal(whole.restored, expected)


@pytest.mark.parametrize("dtype", [">u2", ">f4", ">f8", np.float16, np.longdouble])
def test_an_array_keeps_its_dtype_byte_order_included(damaged, dtype):
    image, hole = damaged
    dtype = np.dtype(dtype)
    peak = 65535 if dtype.kind == "u" else 1
    given = (peak * image).astype(dtype)
    native = given.astype(dtype.newbyteorder("="))
    restored, clean = edlrr_cli.inpaint(given, hole, **FAST), edlrr_cli.denoise(given, sigma=0.1)
    assert restored.dtype == clean.dtype == dtype
    assert np.array_equal(restored[~hole], given[~hole])
    assert np.array_equal(restored, edlrr_cli.inpaint(native, hole, **FAST))
    assert np.array_equal(clean, edlrr_cli.denoise(native, sigma=0.1))


class TensorSubclass(torch.Tensor):
    pass


TENSORS = {
    "parameter": torch.nn.Parameter,
    "requires grad": lambda X: X.clone().requires_grad_(),
    "not a leaf": lambda X: X.clone().requires_grad_() * 1,
    "subclass": lambda X: X.as_subclass(TensorSubclass),
    "mT": lambda X: X.mT.contiguous().mT,
    "strided": lambda X: X.repeat_interleave(2, -1)[..., ::2],
    "negative bit": lambda X: torch.complex(X, -X).conj().imag,
}


@pytest.mark.parametrize("kind", TENSORS)
def test_any_dense_tensor_is_taken(damaged, kind):
    image, hole = channels_first(damaged[0]), torch.from_numpy(damaged[1])
    given = TENSORS[kind](image)
    assert torch.equal(given.detach(), image)
    restored = edlrr_cli.inpaint(given, hole.mT.contiguous().mT, **FAST)
    assert type(restored) is torch.Tensor
    assert not restored.requires_grad
    assert torch.equal(restored, edlrr_cli.inpaint(image, hole, **FAST))
    assert torch.equal(edlrr_cli.denoise(given, sigma=0.1), edlrr_cli.denoise(image, sigma=0.1))


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


@pytest.mark.parametrize("axis", [None, 3, -4, "last"])
def test_a_color_image_needs_its_channel_axis(damaged, axis):
    image, hole = damaged
    with pytest.raises(UsageError, match="channel_axis is the axis of the channels"):
        edlrr_cli.inpaint_lowrank(image, hole, channel_axis=axis)


@pytest.mark.parametrize("dtype", [">u2", np.float16, np.float32, np.longdouble])
def test_the_function_in_scikit_images_manner_returns_float64(damaged, dtype):
    image, hole = damaged[0][..., 0], damaged[1]
    peak = 65535 if np.dtype(dtype).kind == "u" else 1
    given = (peak * image).astype(dtype)
    filled = edlrr_cli.inpaint_lowrank(given, 255 * hole.astype(np.uint8), **FAST)
    assert filled.dtype == np.float64
    assert np.array_equal(filled, edlrr_cli.inpaint_lowrank(given.astype(np.float64) / peak, hole, **FAST))


@pytest.mark.parametrize("mask", [np.full((24, 20), np.nan), np.full((24, 20), "hole")])
def test_a_mask_of_other_than_numbers_is_refused(damaged, mask):
    with pytest.raises(UsageError, match="mask: expected bool or finite numbers"):
        edlrr_cli.inpaint_lowrank(damaged[0][..., 0], mask)


NOISE_LEVEL = r'must be "auto" or within \[0, 1\] \(1 is white\), got'


@pytest.mark.parametrize("word", ["auto", None])
def test_auto_estimates_the_noise(damaged, word):
    image, hole = damaged[0] + 0.1 * np.random.default_rng(0).standard_normal(damaged[0].shape), damaged[1]
    assert np.array_equal(edlrr_cli.denoise(image, sigma=word), edlrr_cli.denoise(image))
    noisy = image.clip(0, 1)
    restored = edlrr_cli.inpaint(noisy, hole, noise=word, **FAST)
    assert np.array_equal(restored, edlrr_cli.inpaint(noisy, hole, noise=None, **FAST))
    assert (restored[~hole] != noisy[~hole]).any()


@pytest.mark.parametrize("level", [20, 1.01, -0.1, float("nan"), "atuo"])
def test_a_noise_level_of_another_scale_is_refused(damaged, level):
    image, hole = damaged
    with pytest.raises(UsageError, match=f"sigma {NOISE_LEVEL}"):
        edlrr_cli.denoise(image, sigma=level)
    with pytest.raises(UsageError, match=f"noise {NOISE_LEVEL}"):
        edlrr_cli.inpaint(image, hole, noise=level)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"steps": 2.5}, "steps must be a whole number, got 2.5"),
        ({"steps": "10"}, "steps must be a whole number, got '10'"),
        ({"seed": None}, "seed must be a whole number, got None"),
        ({"center": 1}, "center must be True or False, got 1"),
        ({"lam": "auto"}, "lam must be a number, got 'auto'"),
        ({"noise": True}, "noise must be a number, got True"),
        ({"noise": torch.tensor(0.1)}, r"noise must be a number, got tensor\(0.1000\)"),
        ({"reg": None}, "reg must be a string, got None"),
        ({"quality": "besst"}, "did you mean 'best'"),
    ],
)
def test_a_setting_of_another_type_is_refused(damaged, settings, fault):
    with pytest.raises(UsageError, match=fault):
        edlrr_cli.inpaint(*damaged, **settings)


def test_scalars_of_numpy_and_devices_of_torch_are_settings(damaged):
    settings = {
        "prior": "global",
        "steps": np.int64(5),
        "noise": np.float32(0),
        "device": torch.device("cpu"),
    }
    assert np.array_equal(edlrr_cli.inpaint(*damaged, **settings), edlrr_cli.inpaint(*damaged, **FAST))


def test_an_unknown_setting_is_no_parameter(damaged):
    with pytest.raises(TypeError, match="unexpected keyword argument 'regg'"):
        edlrr_cli.inpaint(*damaged, regg="nuclear")
