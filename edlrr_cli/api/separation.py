"""Videos, split in one call: files into a folder, frames one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.api.frames import SeparatedFrame, separated_frames
from edlrr_cli.api.isolation import isolated
from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.bgsep.job import BgsepJob
from edlrr_cli.pipelines.bgsep.scene import SceneFiles
from edlrr_cli.pipelines.bgsep.settings import Encoding, Settings, Tables
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.checks import settings_of

if TYPE_CHECKING:
    from typing_extensions import Unpack


class _Separation(TypedDict, total=False):
    """The settings of any source, for type checkers; their defaults are those of `separate`."""

    method: str
    reg: str
    gamma: float | None
    solver: str
    fit: str
    lam: float | None
    steps: int
    window: int | None
    overlap: int | None
    threshold: float | None
    min_blob_px: int
    shadows: bool
    stabilize: str
    device: str
    seed: int


class _OfFile(_Separation, total=False):
    ignore: str | PathLike[str] | None
    background: str | PathLike[str] | None
    codec: str | None
    quality: int
    format: str | None
    mask_format: str
    objects: bool
    events: bool
    event_clips: bool
    event_gap: float
    event_min: float
    resume: bool
    overwrite: bool


class _OfFrames(_Separation, total=False):
    ignore: NDArray[np.bool_] | None
    background: NDArray[Any] | None


@overload
def separate(
    source: str | PathLike[str], folder: str | PathLike[str], **settings: Unpack[_OfFile]
) -> dict[str, Any]: ...


@overload
def separate(source: Iterable[NDArray[Any]], **settings: Unpack[_OfFrames]) -> Iterator[SeparatedFrame]: ...


@isolated
def separate(
    source: str | PathLike[str] | Iterable[NDArray[Any]],
    folder: str | PathLike[str] | None = None,
    *,
    method: str = "lrr",
    reg: str = "nuclear",
    gamma: float | None = None,
    solver: str = "adam",
    fit: str = "subspace",
    lam: float | None = None,
    steps: int = 100,
    window: int | None = None,
    overlap: int | None = None,
    threshold: float | None = None,
    min_blob_px: int = 30,
    shadows: bool = True,
    stabilize: str = "auto",
    device: str = "auto",
    seed: int = 0,
    ignore: str | PathLike[str] | NDArray[np.bool_] | None = None,
    background: str | PathLike[str] | NDArray[Any] | None = None,
    codec: str | None = None,
    quality: int = 18,
    format: str | None = None,
    mask_format: str = "mp4",
    objects: bool = False,
    events: bool = False,
    event_clips: bool = False,
    event_gap: float = 2.0,
    event_min: float = 0.2,
    resume: bool = False,
    overwrite: bool = False,
) -> dict[str, Any] | Iterator[SeparatedFrame]:
    """Split a video from a fixed camera into background, foreground and masks.

    A file is split into a folder. Frames, an array or any iterable of them, are split one after another.

    An iterator, such as one over a camera, is read once, and one window ahead of what is yielded: memory and
    delay are those of ``window`` frames; with the methods mog2 and knn, there is none. An array or a list has
    evenly spaced windows, as a file has. Those of an iterator start every ``window - overlap`` frames, and
    the last one is moved back to the end. Where the windows are the same, so are the results.

    Args:
        source: A video file, an animation, a TIFF of several pages, a folder of images, or a pattern of their
            names; or frames of shape (h, w), (h, w, 1) or (h, w, 3) and one dtype: uint8, uint16, or floating
            on [0, 1].
        folder: The folder of the outputs of a file; made if its parent exists. None for frames.
        method, reg, gamma, solver, fit, lam, steps, window, overlap, threshold, min_blob_px, shadows,
            stabilize, device, seed: Settings of the separation; see `edlrr_cli.tasks.bgsep.config.Config`.
        ignore: Pixels that never count: a file, see `edlrr_cli.media.regions.read_region`; with frames an
            array, bool, shape (h, w), True = ignored. The background shows the frame there.
        background: The empty scene, whose brightness follows each frame: a file; with frames an array like
            one of them. None to estimate the background.
        codec, quality, format, mask_format: Encoding of the outputs of a file; see
            `edlrr_cli.pipelines.bgsep.settings.Encoding`.
        objects, events, event_clips, event_gap, event_min: Tables of a file; see
            `edlrr_cli.pipelines.bgsep.settings.Tables`.
        resume: Continue after the finished parts of an interrupted run.
        overwrite: Replace existing outputs.

    Returns:
        For a file the content of ``report.json``: frames, rank, foreground fraction, settings and more, by
        name. For frames an iterator of (background, foreground, mask), see
        `edlrr_cli.api.frames.SeparatedFrame`.

    Raises:
        UsageError: A setting is outside its domain, or does not apply to the source; a frame is unsuitable.
        InputError: The source cannot be read, or has fewer than two frames.
        OutputError: An output exists, or cannot be written.
        KeyboardInterrupt: Ctrl-C; its text names the frames that are kept for ``resume``.
    """
    given = {name: value for name, value in locals().items() if name not in ("ignore", "background")}
    config, encoding = settings_of(Config, given), settings_of(Encoding, given)
    tables = settings_of(Tables, given)
    if isinstance(source, str | PathLike):
        if folder is None:
            raise UsageError(
                f"source {source} is a file, and its results have no folder", "pass the folder, too"
            )
        scene = SceneFiles(_path("ignore", ignore), _path("background", background))
        settings = Settings(config, encoding, tables)
        return BgsepJob(
            input=Path(source),
            output=Path(folder),
            settings=settings,
            scene=scene,
            resume=resume,
            overwrite=overwrite,
        ).run()
    if (folder, encoding, tables, resume, overwrite) != (None, Encoding(), Tables(), False, False):
        raise UsageError("frames are split without files", "leave out the folder and the settings of files")
    return separated_frames(source, config, ignore=ignore, background=background)


def _path(name: str, value: object) -> Path | None:
    if value is None or isinstance(value, str | PathLike):
        return None if value is None else Path(value)
    raise UsageError(f"{name}: expected the name of a file as source is one, got {type(value).__name__}")
