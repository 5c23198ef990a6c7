"""The paper's Table 1: eleven photographs, six kinds of damage, as its released code runs it."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.bench.pictures import read_hole
from edlrr_cli.bench.record import Row
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.media.images import read_picture
from edlrr_cli.metrics import psnr, ssim
from edlrr_cli.tasks.config import Config
from edlrr_cli.tasks.device import resolve_device
from edlrr_cli.tasks.fill import fill
from edlrr_cli.tasks.inpaint import inpaint

NAME = "table1"
MASKS = {"block": "block_square_small.bmp", "text": "block_text.bmp"}
BASELINES = ("as damaged", "biharmonic")
_DETAILS = ("iterations", "stop", "held_out_psnr", "weight")
_MEASURES = ("psnr", "psnr_missing", "ssim", "seconds")

PARAMETERS = {
    "images": "RGB / 255, the hole black",
    "drop": "a pixel is known where numpy.random.default_rng(seed).random((h, w)) >= p",
    "block, text": "masks scaled to the image by Pillow's default, missing where a channel is below 255",
    "psnr": "whole image, all channels, peak 1, of the unrounded result",
    "psnr_missing": "the same over the missing pixels",
    "mean": "over the images; cases that failed are left out and counted",
    "settings": "the defaults of edlrr inpaint for each penalty",
}


@dataclass(frozen=True, eq=False)
class Case:
    """One picture with one damage.

    Attributes:
        clean: Shape (h, w, 3), in [0, 1].
        known: Shape (h, w), True = known pixel.
    """

    image: int
    corruption: str
    clean: NDArray[np.float64]
    known: NDArray[np.bool_]

    @property
    def damaged(self) -> NDArray[np.float64]:
        """Return the picture with the hole black."""
        return np.where(self.known[..., None], self.clean, 0.0)


def check(data: Path, *, images: list[int], corruptions: list[str], device: str) -> None:
    """Refuse what could not be run, before the work.

    Raises:
        UsageError: An unknown corruption.
        InputError: A file is missing; the message names it.
        DeviceError: There is no such device here.
    """
    resolve_device(device)
    masks = [data / "masks" / MASKS[name] for name in corruptions if _drop_rate(name) is None]
    for path in [*(_image_path(data, image) for image in images), *masks]:
        if not path.is_file():
            raise InputError(f"data {data} has no {path.relative_to(data)}", "give the folder of Table 1")


def run(
    data: Path,
    *,
    images: list[int],
    corruptions: list[str],
    regs: list[str],
    seed: int,
    device: str,
    progress: Callable[[str], None],
) -> list[Row]:
    """Restore every picture from every damage by every method.

    Args:
        data: Folder with ``images/N.jpg`` and ``masks/``.
        images: Numbers of the pictures.
        corruptions: ``dropNN`` (percent), ``block`` or ``text``.
        regs: Penalties, each with the default settings.
        seed: Of the dropped pixels.
        device: As in ``edlrr inpaint``.
        progress: Told what comes next.

    Returns:
        One row per case, ``kind`` "case", then one per method and corruption, ``kind`` "mean".
    """
    rows = []
    for corruption in corruptions:
        for image in images:
            for method in (*BASELINES, *regs):
                progress(f"{corruption}, image {image}: {method}")
                rows.append(_row(data, image, corruption, method, seed, device))
    return rows + _means(rows)


def _row(data: Path, image: int, corruption: str, method: str, seed: int, device: str) -> Row:
    """Run one case; what goes wrong is its row, not the end of the table."""
    row: Row = {"kind": "case", "corruption": corruption, "image": image, "method": method}
    try:
        case = read_case(data, image, corruption, seed)
        return row | _measure(case, method, device)
    except Exception as error:  # whatever it is, it belongs to this case
        return row | {"error": " ".join(f"{type(error).__name__}: {error}".split())}


def read_case(data: Path, image: int, corruption: str, seed: int) -> Case:
    """Read a picture and make its damage.

    Raises:
        InputError: A file is unfit.
        UsageError: An unknown corruption.
    """
    path = _image_path(data, image)
    clean = read_picture(path).pixels
    if clean.shape[2] != 3:
        raise InputError(f"{path} is gray, Table 1 is RGB", "get the file again")
    size_px = (clean.shape[0], clean.shape[1])
    rate = _drop_rate(corruption)
    if rate is None:
        return Case(image, corruption, clean, ~read_hole(data / "masks" / MASKS[corruption], size_px))
    return Case(image, corruption, clean, np.random.default_rng(seed).random(size_px) >= rate)


def _measure(case: Case, method: str, device: str) -> dict[str, Any]:
    damaged, started = case.damaged, time.perf_counter()
    details: dict[str, Any] = dict.fromkeys(_DETAILS)
    if method == "as damaged":
        restored: NDArray[Any] = damaged
    elif method == "biharmonic":
        restored = fill(damaged, case.known, "biharmonic")
    else:
        result = inpaint(damaged, case.known, Config(reg=method, device=device))
        restored = result.restored
        details = {name: getattr(result, name) for name in _DETAILS}
    seconds = time.perf_counter() - started
    return {
        "psnr": psnr(restored, case.clean, data_range=1.0),
        "psnr_missing": psnr(restored, case.clean, data_range=1.0, where=~case.known),
        "ssim": ssim(restored, case.clean, data_range=1.0),
        "psnr_input": psnr(damaged, case.clean, data_range=1.0),
        "missing_fraction": float(1 - case.known.mean()),
        "seconds": seconds,
        **details,
    }


def _means(rows: list[Row]) -> list[Row]:
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["corruption"]), []).append(row)
    means = []
    for (method, corruption), cases in groups.items():
        done = [case for case in cases if "error" not in case]
        values = {name: _mean([case[name] for case in done]) for name in _MEASURES}
        counts = {"num_images": len(done), "num_failed": len(cases) - len(done)}
        means.append({"kind": "mean", "method": method, "corruption": corruption, **values, **counts})
    return means


def _mean(values: list[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return statistics.fmean(numbers) if numbers else None


def _image_path(data: Path, image: int) -> Path:
    return data / "images" / f"{image}.jpg"


def _drop_rate(corruption: str) -> float | None:
    """Return p of ``dropNN``; None for a damage that a mask file describes."""
    if corruption in MASKS:
        return None
    drop = re.fullmatch(r"drop(\d\d?)", corruption)
    if drop is None or drop[1] in ("0", "00"):
        raise UsageError(f"unknown corruption {corruption!r}", f"take drop1 .. drop99, {', '.join(MASKS)}")
    return int(drop[1]) / 100
