"""The record of a separation, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, median

from edlrr_cli import __version__
from edlrr_cli.pipelines.bgsep.outputs import Outputs
from edlrr_cli.pipelines.bgsep.scene import SceneFiles
from edlrr_cli.pipelines.bgsep.settings import Settings
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.finished_video import FinishedVideo, size_line, speed_line

IN_FILE_ONLY = ("windows", "foreground_fractions")
"""Lists that are as long as the video; the report's file has them, stdout has not."""

# A camera that moves too far in more than this fraction of the frames is reported.
_MAX_LOST = 0.1
# So is a given background from which more than this fraction of the pixels differs in most frames.
_MAX_FOREGROUND = 0.5


def bgsep_record(
    source: Path,
    scene: SceneFiles,
    outputs: Outputs,
    settings: Settings,
    finished: FinishedVideo,
    *,
    ignored_fraction: float,
    num_events: int | None,
) -> Record:
    """Return the record of a run.

    Args:
        ignored_fraction: Fraction of the pixels that never count.
        num_events: Number of the events; None if they were not searched.

    Returns:
        Plain values by name; None for those that the method does not have.
    """
    fractions = [fraction for each in finished.statistics for fraction in each["fractions"]]
    windows = finished.windows
    return {
        "status": "ok",
        "input": str(source),
        "output": str(outputs.folder),
        "outputs": list(outputs.names),
        "ignore": scene.ignore and str(scene.ignore),
        "ignored_fraction": ignored_fraction,
        "background": scene.background and str(scene.background),
        "method": settings.config.method,
        "reg": settings.config.reg if settings.config.method == "lrr" else None,
        "device": finished.device,
        "seed": settings.config.seed,
        **finished.size,
        **_model(windows),
        "foreground_fraction": fmean(fractions),
        "num_events": num_events,
        **finished.speed,
        "notes": [*finished.info.notes, *_losses(windows), *_doubts(scene, fractions)],
        "settings": settings.as_record(),
        "version": __version__,
        "windows": windows,
        "foreground_fractions": fractions,
    }


def _model(windows: list[Record]) -> Record:
    """Return the entries on the models of the windows."""
    ranks, sparsities = (
        [window[name] for window in windows if window[name] is not None] for name in ("rank", "sparsity")
    )
    return {
        "num_windows": len(windows) or None,
        "rank": median(ranks) if ranks else None,
        "rank_range": [min(ranks), max(ranks)] if ranks else None,
        "sparsity": median(sparsities) if sparsities else None,
        "stabilized": any(window["stabilized"] for window in windows) if windows else None,
    }


def _losses(windows: list[Record]) -> Iterator[str]:
    """Yield a phrase if the camera moves too far for the background to be found."""
    moved = [(window["lost"], window["num_keys"]) for window in windows if window["lost"] is not None]
    fraction = sum(lost * count for lost, count in moved) / max(sum(count for _, count in moved), 1)
    if fraction > _MAX_LOST:
        yield f"the camera moves too far in {fraction:.0%} of the frames: their masks are unreliable"


def _doubts(scene: SceneFiles, fractions: list[float]) -> Iterator[str]:
    """Yield a phrase if the given background hardly shows the scene."""
    if scene.background is not None and median(fractions) > _MAX_FOREGROUND:
        differing = f"differs from the frames in {median(fractions):.0%} of the pixels"
        yield f"background {scene.background} {differing}: does it show the same scene?"


def bgsep_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    yield "split", f"{record['input']}"
    yield size_line(record)
    if record["ignore"] is not None:
        yield "ignored", f"{record['ignored_fraction']:.2%} of the pixels ({record['ignore']})"
    if record["background"] is not None:
        yield "background", f"{record['background']}"
    yield "foreground", f"{record['foreground_fraction']:.2%} of the pixels"
    if record["num_events"] is not None:
        yield "events", f"{record['num_events']}"
    if record["rank"] is not None:
        yield "rank", _rank(record)
        yield "sparsity", f"{record['sparsity']:.1%} of the values met to one level"
    if record["stabilized"]:
        yield "camera", "its shake is removed"
    yield "outputs", f"{record['output']}: {', '.join(record['outputs'])}"
    yield speed_line(record)


def bgsep_line(record: Record) -> str:
    """Return the readable line of one video of a batch."""
    moving = f"{record['foreground_fraction']:.2%} foreground"
    return f"{record['frames']} frames, {moving}, {record['seconds']:.1f} s on {record['device']}"


def _rank(record: Record) -> str:
    least, most = record["rank_range"]
    spread = f" ({record['num_windows']} windows: {least}..{most})" if record["num_windows"] > 1 else ""
    penalty = f", {record['reg']}" if record["reg"] else ""
    return f"{record['rank']:g}{spread}{penalty}"
