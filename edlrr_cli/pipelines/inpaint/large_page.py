"""Restoration of a page that is not in memory, region by region."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.media.formats import ALPHA
from edlrr_cli.media.large_image import LargeImage
from edlrr_cli.media.large_masks import LargeHole
from edlrr_cli.media.large_writer import Patch
from edlrr_cli.media.save import stored_values
from edlrr_cli.pipelines.inpaint.method import denoiser_of, restore_image
from edlrr_cli.pipelines.inpaint.settings import Settings
from edlrr_cli.pipelines.job import Monitor, counted

if TYPE_CHECKING:
    from edlrr_cli.pipelines.inpaint.history import Callback
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult
    from edlrr_cli.tasks.inpaint.problem import Result
    from edlrr_cli.tasks.inpaint.regions import Region

    AnyResult = Result | BaselineResult

_NO_TIME_S = 1e-9  # an exhausted time budget; 0 is not a valid setting
_NOTHING = np.empty((0, 0, 0))


@dataclass(frozen=True, eq=False)
class RestoredPage:
    """The restored pixels of a page.

    Attributes:
        result: Statistics of all regions.
        expected_psnr: In dB, of the whole page; None without an estimate.
    """

    patches: Sequence[Patch]
    result: AnyResult
    expected_psnr: float | None


@dataclass(frozen=True, eq=False)
class _RestoredRegion:
    """What became of a region.

    Attributes:
        patch: None if the region has no known pixel.
        squared_error: Sum of the expected squared errors of the restored pixels; None without an estimate.
        num_owned: Number of missing pixels that the region had to restore.
        is_cut: See `edlrr_cli.tasks.inpaint.regions.Region`.
    """

    patch: Patch | None
    result: AnyResult | None
    squared_error: float | None
    num_owned: int
    is_cut: bool


def restore_page(image: LargeImage, hole: LargeHole, settings: Settings, monitor: Monitor) -> RestoredPage:
    """Restore the missing pixels of a page; the memory is that of a few regions and the restored pixels.

    Raises:
        EdlrrError: A part of the image is corrupt, or the restoration failed.
    """
    from edlrr_cli.tasks.inpaint.baseline import unchanged
    from edlrr_cli.tasks.inpaint.regions import region_quality, restore_in_regions

    if hole.missing_fraction == 0:
        return RestoredPage((), unchanged(_NOTHING), None)
    started = time.perf_counter()
    config = settings.config
    config = replace(config, quality=region_quality(hole.missing, config.quality))
    restorer = _Restorer(image, hole.mode, replace(settings, config=config), started)
    count, regions = restore_in_regions(hole.missing, restorer, device=config.device)
    with monitor.progress("region", total=count) as advance:
        restored = list(counted(regions, advance, 0))
    return _joined(restored, image.size_px, time.perf_counter() - started)


class _Restorer:
    """Restores regions of a page by the chosen method."""

    def __init__(self, image: LargeImage, mode: str, settings: Settings, started: float) -> None:
        self._image, self._is_opaque, self._settings = image, mode == ALPHA, settings
        budget_s = settings.config.time_budget
        self._deadline = None if budget_s is None else started + budget_s
        self._denoiser = denoiser_of(settings)

    def __call__(self, region: Region, callback: Callback) -> _RestoredRegion:
        num_owned, known = int(region.owned.sum()), ~region.missing
        image = self._image.read(region.window) if num_owned and known.any() else None
        if image is None or (image.visible is not None and not (image.visible & known).any()):
            return _RestoredRegion(None, None, None, num_owned, region.is_cut)
        if self._is_opaque:
            image = image.opaque(region.missing)
        image = image.within(known)
        result = restore_image(image, known, self._settings_now(), denoiser=self._denoiser, callback=callback)
        error = getattr(result, "error", None)
        squared_error = None if error is None else float(np.square(error[region.owned]).sum())
        patch = _patch(region, stored_values(result.restored, image))
        return _RestoredRegion(patch, _statistics(result), squared_error, num_owned, region.is_cut)

    def _settings_now(self) -> Settings:
        """Return the settings, with what is left of the time budget."""
        if self._deadline is None:
            return self._settings
        left_s = max(self._deadline - time.perf_counter(), _NO_TIME_S)
        return replace(self._settings, config=replace(self._settings.config, time_budget=left_s))


def _patch(region: Region, values: NDArray[np.generic]) -> Patch:
    rows, columns = np.nonzero(region.owned)
    top, left = region.window[0].start, region.window[1].start
    return Patch((rows + top).astype(np.int32), (columns + left).astype(np.int32), values[rows, columns])


def _statistics(result: AnyResult) -> AnyResult:
    """Return a result without its pixels."""
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult

    if isinstance(result, BaselineResult):
        return replace(result, restored=_NOTHING)
    candidates = tuple(replace(candidate, restored=None) for candidate in result.candidates)
    return replace(result, restored=_NOTHING, start=_NOTHING, error=None, candidates=candidates)


def _joined(regions: Sequence[_RestoredRegion], size_px: tuple[int, int], seconds: float) -> RestoredPage:
    from edlrr_cli.tasks.inpaint.baseline import unchanged
    from edlrr_cli.tasks.inpaint.problem import Result, psnr_of
    from edlrr_cli.tasks.inpaint.windows import joined

    restored = [region for region in regions if region.result is not None]
    ours = [region.result for region in restored if isinstance(region.result, Result)]
    result: AnyResult = next((region.result for region in restored if region.result), unchanged(_NOTHING))
    if ours:
        result = joined(ours, [float(region.num_owned) for region in restored])
    errors = [region.squared_error for region in restored if region.squared_error is not None]
    expected = psnr_of(math.sqrt(sum(errors) / math.prod(size_px))) if errors else None
    return RestoredPage(
        patches=[region.patch for region in restored if region.patch is not None],
        result=replace(result, seconds=seconds, notes=(*result.notes, *_notes(regions))),
        expected_psnr=expected,
    )


def _notes(regions: Sequence[_RestoredRegion]) -> Iterator[str]:
    from edlrr_cli.tasks.inpaint.regions import MOST_MARGIN_PX

    count = sum(region.num_owned > 0 for region in regions)
    restored = "1 region around its holes was" if count == 1 else f"{count} regions around its holes were"
    yield f"the image was not read whole: {restored} restored"
    num_cut = sum(region.is_cut for region in regions)
    if num_cut:
        yield f"{num_cut} regions have a hole that continues beyond them, of which each restored a part"
    num_left = sum(region.num_owned for region in regions if region.patch is None)
    if num_left:
        yield f"{num_left} missing pixels are {MOST_MARGIN_PX} pixels or more from known ones, and were left"
