"""Arrays and tensors, single or batched, restored by a function of arrays and returned as their own type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edlrr_cli.api.arrays import Bools, plain_array, unfit_mask
from edlrr_cli.errors import UsageError

Image = TypeVar("Image", NDArray[Any], Tensor)
"""A NumPy array, channels last, or a torch tensor, channels first."""

Restore = Callable[[Sequence[NDArray[Any]], Sequence[NDArray[Any]]], list[NDArray[Any]]]
"""From arrays (h, w) or (h, w, c) of one shape, and a mask for each if there is one, to the restored."""

# NumPy lacks the other floating dtypes, such as bfloat16; float32 holds all their values.
_SHARED_FLOATS = (torch.float16, torch.float32, torch.float64)


def device_name(device: str | torch.device, image: object) -> str:
    """Return where to compute: ``"auto"`` keeps a tensor on its device."""
    if isinstance(image, Tensor) and device == "auto":
        return str(image.device)
    return str(device)


def restored_alike(restore: Restore, image: Image, *masks: Image) -> Image:
    """Restore an image or a batch, and return it as its own type.

    Args:
        restore: The function of arrays.
        image: An array (h, w) or (h, w, c), or a tensor (h, w), (c, h, w) or (n, c, h, w). Not modified; no
            gradient flows.
        *masks: None or one: an array (h, w); or a tensor, bool (h, w), one for all, or (n, h, w) or
            (n, 1, h, w).

    Returns:
        Kind, shape, dtype and device of the image; of a subclass its base, `numpy.ndarray` or
        `torch.Tensor`.

    Raises:
        UsageError: Shapes or kinds that do not fit, or values that cannot be read; or see the function.
    """
    if isinstance(image, Tensor):
        return _on_tensor(restore, image, masks)
    array = plain_array("image", image)
    if array.ndim not in (2, 3):
        raise UsageError(f"image: expected shape (h, w) or (h, w, c), got {array.shape}")
    return restore([array], [plain_array("mask", mask) for mask in masks])[0]


def _on_tensor(restore: Restore, image: Tensor, masks: tuple[object, ...]) -> Tensor:
    if image.ndim not in (2, 3, 4):
        raise UsageError(f"image: expected (h, w), (c, h, w) or (n, c, h, w), got {tuple(image.shape)}")
    values = _values("image", image)
    holes = [hole for mask in masks for hole in _each_mask(mask, image)]
    if values.ndim < 4:
        restored = _channels_first(restore([_channels_last(values)], holes)[0])
    elif len(values):
        images = restore([_channels_last(one) for one in values], holes)
        restored = np.stack([_channels_first(one) for one in images])
    else:
        restored = values
    return torch.from_numpy(restored).to(image.device, image.dtype)


def _values(name: str, tensor: Tensor) -> NDArray[Any]:
    """Return the values of a tensor of any dtype and device, detached."""
    if tensor.layout != torch.strided:
        raise UsageError(f"{name}: expected a dense tensor, got {tensor.layout}", "call its to_dense()")
    try:
        plain = tensor.as_subclass(Tensor).detach()
        if plain.is_floating_point() and plain.dtype not in _SHARED_FLOATS:
            plain = plain.float()
        return plain.numpy(force=True)
    except (RuntimeError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(
            f"{name}: the tensor's values cannot be read ({reason})", "pass an ordinary tensor"
        ) from error


def _each_mask(mask: object, image: Tensor) -> list[Bools]:
    """Return a mask (h, w) for each image."""
    if not isinstance(mask, Tensor):
        kind = type(mask).__name__
        raise UsageError(f"mask: expected a tensor, as the image is one, got {kind}", "use torch.as_tensor")
    count = len(image) if image.ndim == 4 else 1
    expected = tuple(image.shape[-2:])
    leading = tuple(mask.shape[:-2])
    fits = leading in ((), (1,), (count,), (1, 1), (count, 1)) and tuple(mask.shape[-2:]) == expected
    if mask.dtype != torch.bool or not fits:
        raise unfit_mask(mask.dtype, tuple(mask.shape), expected)
    masks = _values("mask", mask).reshape(np.prod(leading, dtype=int), *expected)
    return list(np.broadcast_to(masks, (count, *expected)))


def _channels_last(image: NDArray[Any]) -> NDArray[Any]:
    return image if image.ndim == 2 else np.moveaxis(image, 0, -1)


def _channels_first(image: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(image if image.ndim == 2 else np.moveaxis(image, -1, 0))
