"""A clip whose camera shakes, as a clip of a camera that stands still."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from edlrr_cli.tasks.bgsep.camera import Camera, displaced, steady
from edlrr_cli.tasks.bgsep.keyframes import Keyframes
from edlrr_cli.tasks.clips.neighborhoods import largest_within
from edlrr_cli.tasks.clips.smooth import interpolate_smoothly
from edlrr_cli.tasks.clips.windows import NUM_KEYS, NUM_WINDOW, Bools, Frame, Source
from edlrr_cli.tasks.frames import Levels

# A displaced pixel is known if at least this fraction of it comes from known pixels.
_KNOWN = 0.999


@dataclass(frozen=True)
class CanvasInfo:
    """Properties of the registered frames; see `edlrr_cli.tasks.frames.Info`."""

    size_px: tuple[int, int]
    peak: int
    num_frames: int


@dataclass(frozen=True, eq=False)
class SteadyFrame:
    """A frame displaced onto a canvas, on which the scene stands still.

    Attributes:
        original: The frame as the camera saw it.
        pixels: Shape of the canvas, (h, w, c).
        known: Shape (h, w), False also where the canvas is outside of the frame.
        shift: Displacement of the frame from the canvas, rows and columns in pixels, shape (2,).
    """

    original: Any
    pixels: Levels
    known: Bools
    shift: Tensor


class SteadyClip:
    """A clip whose frames are registered to one view; see `edlrr_cli.tasks.clips.windows.Source`.

    The canvas is larger than the frames by the largest displacement, so that none of the hole leaves it.

    Attributes:
        shake_px: Median displacement of the keyframes, in pixels.
    """

    def __init__(
        self, source: Source, camera: Camera, *, margin_px: int, shake_px: float, device: torch.device
    ) -> None:
        height, width = source.info.size_px
        size_px = height + 2 * margin_px, width + 2 * margin_px
        self.info = CanvasInfo(size_px, source.info.peak, source.info.num_frames)
        self.shake_px = shake_px
        self._source, self._camera, self._margin_px, self._device = source, camera, margin_px, device

    @property
    def may_be_missing(self) -> Bools:
        """Return the pixels of the canvas on which a hole may come to lie, shape (h, w)."""
        margin_px = self._margin_px
        missing = torch.from_numpy(self._source.may_be_missing)[None, None].float()
        reached: Bools = largest_within(pad(missing, [margin_px] * 4), margin_px)[0, 0].numpy() > 0
        return reached

    def frames(self, *, start: int = 0, every: int = 1) -> Iterator[SteadyFrame]:
        """Yield the frames start, start + every, and so on, displaced onto the canvas."""
        for frame in self._source.frames(start=start, every=every):
            image, known = _filled(frame, self.info.peak, self._device)
            shifts, _ = self._camera.shifts(image.mean(1).flatten(1))
            shifts = shifts * (shifts.abs().amax() <= self._margin_px)
            margins = [self._margin_px] * 4
            moved, _ = displaced(
                pad(image, margins, mode="replicate").movedim(1, -1), -shifts, mode="bicubic"
            )
            moved_known, _ = displaced(pad(known, margins).movedim(1, -1), -shifts)
            levels = (moved[0].clamp(0, 1) * self.info.peak).round().cpu().numpy()
            yield SteadyFrame(
                frame,
                levels.astype(frame.pixels.dtype),
                moved_known[0, ..., 0].cpu().numpy() > _KNOWN,
                shifts[0],
            )

    def restored(self, frame: SteadyFrame, canvas: Levels) -> Levels:
        """Return the original frame, its hole filled from the restored canvas."""
        original = frame.original
        if original.known.all():
            return np.asarray(original.pixels)
        values = torch.from_numpy(canvas.astype(np.float32)).to(self._device)
        margin_px = self._margin_px
        moved = displaced(values[None], frame.shift[None], mode="bicubic")[0][0]
        inside = moved[margin_px:-margin_px, margin_px:-margin_px].clamp(0, self.info.peak).round()
        whole = np.array(original.pixels)
        hole = ~original.known
        whole[hole] = inside.cpu().numpy()[hole].astype(whole.dtype)
        return whole


def stand_still(source: Source, device: torch.device) -> SteadyClip | None:
    """Return a clip registered to one view if its camera shakes; None if it stands still or moves too far.

    The shake is measured on keyframes of the first window; frames that are displaced farther than these stay
    where they are.
    """
    info = source.info
    every = math.ceil(min(NUM_WINDOW, info.num_frames) / NUM_KEYS)
    keys = [
        (_filled(frame, info.peak, device)[0].mean(1).flatten(1) * info.peak).round()
        for frame in islice(source.frames(every=every), NUM_KEYS)
    ]
    if not keys:
        return None
    grays = torch.cat(keys).to(torch.uint8 if info.peak < 256 else torch.int32)
    _, camera, shake = steady(Keyframes(grays, info.peak, info.size_px))
    if camera is None:
        return None
    shifts = torch.cat([camera.shifts(gray / info.peak)[0] for gray in keys])
    margin_px = math.ceil(float(shifts.abs().amax())) + 1
    return SteadyClip(source, camera, margin_px=margin_px, shake_px=shake.median_px, device=device)


def _filled(frame: Frame, peak: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return a frame on [0, 1], its hole interpolated smoothly, and its known pixels, each (1, c, h, w)."""
    known = torch.from_numpy(frame.known).to(device)[None, None].float()
    pixels = torch.from_numpy(np.ascontiguousarray(frame.pixels)).to(device)
    image = pixels.movedim(-1, 0)[None].float() / peak
    return interpolate_smoothly(image, known), known
