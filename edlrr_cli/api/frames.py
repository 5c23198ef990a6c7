"""Frames in memory or from a camera, split one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.api.arrays import check_mask, check_size, peak_of, plain_array
from edlrr_cli.api.isolation import isolated
from edlrr_cli.errors import UsageError
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.live import FramesInfo, LiveSource
from edlrr_cli.tasks.bgsep.stream import Separation, Split
from edlrr_cli.tasks.bgsep.windows import OpenPlan

# Floating-point frames are computed with 16 bits.
_DEEP = 65535


class SeparatedFrame(NamedTuple):
    """The layers of a frame.

    Attributes:
        background: Shape and dtype of the frame.
        foreground: The frame where the mask is True, 0 elsewhere; the same shape and dtype.
        mask: True = foreground, shape (h, w).
    """

    background: NDArray[Any]
    foreground: NDArray[Any]
    mask: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame as it was given, and as it is computed: shape (h, w, c), uint8 or uint16."""

    given: NDArray[Any]

    @property
    def pixels(self) -> NDArray[Any]:
        image: NDArray[Any] = np.atleast_3d(self.given)
        if image.dtype.kind == "f":
            image = np.rint(image.clip(0, 1) * _DEEP).astype(np.uint16)
        return image.astype(image.dtype.newbyteorder("="), copy=False)


class _Sequence:
    """Frames that can be read repeatedly; see `edlrr_cli.tasks.frames.Source`."""

    def __init__(self, frames: Any, first: NDArray[Any]) -> None:
        self._frames, self._first = frames, first
        self.info = FramesInfo((first.shape[0], first.shape[1]), _peak(first), len(frames))

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[_Frame]:
        """Yield the frames start, start + every, and so on."""
        indices = range(start, len(self._frames), every)
        return (_checked(self._frames[index], self._first) for index in indices)


def separated_frames(
    frames: Iterable[NDArray[Any]], config: Config, *, ignore: object, background: object
) -> Iterator[SeparatedFrame]:
    """Split frames one after another; see `edlrr_cli.separate`.

    Raises:
        UsageError: An argument is unsuitable; of later frames as they are read.
        InputError: There are fewer than two frames.
    """
    source: Any
    plan = None
    if isinstance(frames, np.ndarray | Sequence):
        first = _first(frames[0] if len(frames) else None)
        source = _Sequence(frames, first)
    else:
        if not isinstance(frames, Iterable):
            kind = type(frames).__name__
            raise UsageError(f"source: expected a file or frames, got {kind}", "pass a name or an array")
        given = iter(frames)
        first = _first(next(given, None)).copy()  # cameras may use the memory of a frame again
        rest = (_Frame(_checked(frame, first).given.copy()) for frame in given)
        source = LiveSource(chain([_Frame(first)], rest), peak=_peak(first))
        plan = OpenPlan(source.reach, size=config.num_window, overlap=config.num_overlap)
    separation = Separation(
        source,
        config,
        ignored=None if ignore is None else _region(ignore, first),
        background=None if background is None else _scene(background, first),
        plan=plan,
    )
    return _isolated(_layers(split) for split in separation)


def _isolated(items: Iterator[SeparatedFrame]) -> Iterator[SeparatedFrame]:
    """Yield items; the state of the caller's thread is left alone between them, too."""
    step = isolated(partial(next, items, None))
    while (item := step()) is not None:
        yield item


def _first(frame: object) -> NDArray[Any]:
    """Return the first frame, which decides on the shape and the dtype of all."""
    if frame is None:
        raise UsageError("frames: expected two or more, got none", "pass an array, a list or an iterator")
    image = plain_array("frames", frame)
    if image.ndim not in (2, 3):
        raise UsageError(f"frames: expected frames of shape (h, w) or (h, w, c), got {image.shape}")
    check_size(image, num_channels=(1, 3))
    return _checked(image, image).given


def _checked(frame: object, first: NDArray[Any]) -> _Frame:
    image = plain_array("frames", frame)
    if (image.shape, image.dtype) != (first.shape, first.dtype):
        expected, got = (f"{each.dtype} of shape {each.shape}" for each in (first, image))
        raise UsageError(
            f"frames: expected {expected} as the first one, got {got}", "convert them to one kind"
        )
    _peak(image)
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise UsageError("frames: a pixel is NaN or Inf", "replace it, for example with numpy.nan_to_num")
    return _Frame(image)


def _peak(image: NDArray[Any]) -> int:
    peak = peak_of(image.dtype)
    return _DEEP if image.dtype.kind == "f" else peak


def _region(ignore: object, first: NDArray[Any]) -> NDArray[np.bool_]:
    region = plain_array("ignore", ignore)
    check_mask(region, first)
    if region.all():
        raise UsageError("ignore: no pixel counts", "True marks what is ignored")
    return region


def _scene(background: object, first: NDArray[Any]) -> NDArray[np.float64]:
    scene = _checked(plain_array("background", background), first)
    return scene.pixels / float(_peak(first))


def _layers(split: Split) -> SeparatedFrame:
    given: NDArray[Any] = split.frame.given
    background = split.background
    if given.dtype.kind == "f":
        background = (background / float(_DEEP)).astype(given.dtype)
    mask = split.mask if given.ndim == 2 else split.mask[..., None]
    foreground = np.where(mask, given, np.zeros((), given.dtype))
    return SeparatedFrame(background.reshape(given.shape), foreground, split.mask)
