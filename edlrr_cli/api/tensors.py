"""Tensors at the door: channels first, one or a batch, on any device, answered in kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

Image = TypeVar("Image", "NDArray[Any]", "Tensor")
"""A NumPy array, channels last, or a torch tensor, channels first."""


def restored_alike(
    call: Callable[..., list[NDArray[Any]]], image: Image, *masks: Image, settings: dict[str, Any]
) -> Image:
    """Restore an image, array or tensor, by a call on arrays.

    Args:
        call: Takes arrays (h, w) or (h, w, c) of one shape, their masks (h, w) if there are some, and
            settings by keyword.
        image: An array as the call takes it; or a tensor (h, w), (c, h, w) or (n, c, h, w), restored where it
            is unless the settings say a device. Not modified; no gradient flows.
        *masks: None, or one: of tensors bool (h, w), one for all, or (n, h, w) or (n, 1, h, w).
        settings: Keywords of the call.

    Returns:
        Kind, shape, dtype and device of the image.

    Raises:
        UsageError: Shapes that do not fit; or see the call.
    """
    given: Any = image
    is_tensor = type(image).__module__.partition(".")[0] == "torch"
    if is_tensor:
        alike: Any = _on_tensor(call, given, masks, settings)
    else:
        (alike,) = call([given], *([mask] for mask in masks), **settings)
    restored: Image = alike
    return restored


def _on_tensor(
    call: Callable[..., list[NDArray[Any]]], image: Tensor, masks: tuple[Any, ...], settings: dict[str, Any]
) -> Tensor:
    import torch

    if image.ndim not in (2, 3, 4):
        raise UsageError(f"image: expected (h, w), (c, h, w) or (n, c, h, w), got {tuple(image.shape)}")
    if image.ndim == 4 and len(image) == 0:
        return image.clone()
    settings = {"device": str(image.device), **settings}
    # NumPy has no bfloat16; every other floating dtype is one of its own.
    known_dtype = image.float() if image.dtype == torch.bfloat16 else image
    whole = known_dtype.detach().cpu().numpy()
    many = whole if whole.ndim == 4 else whole[None]
    holes = [list(_one_each(mask, image)) for mask in masks]
    done = call([_channels_last(one) for one in many], *holes, **settings)
    first = [_channels_first(one) for one in done]
    restored = np.stack(first) if whole.ndim == 4 else first[0]
    return torch.from_numpy(restored).to(image.device, image.dtype)


def _one_each(mask: Tensor, image: Tensor) -> NDArray[np.bool_]:
    """Return a mask for each image, (n, h, w)."""
    import torch

    count = len(image) if image.ndim == 4 else 1
    holes = mask.reshape(-1, *mask.shape[-2:]) if mask.ndim >= 2 else mask
    if mask.dtype != torch.bool or holes.shape[-2:] != image.shape[-2:] or len(holes) not in (1, count):
        wanted = tuple(image.shape[-2:])
        raise UsageError(f"mask: expected bool of shape {wanted}, got {mask.dtype} of {tuple(mask.shape)}")
    masks: NDArray[np.bool_] = holes.expand(count, *holes.shape[-2:]).cpu().numpy()
    return masks


def _channels_last(image: NDArray[Any]) -> NDArray[Any]:
    return image if image.ndim == 2 else np.moveaxis(image, 0, -1)


def _channels_first(image: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(image if image.ndim == 2 else np.moveaxis(image, -1, 0))
