"""Wall time of whole commands, run as processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.bench.images import PHOTO, photo, save_damaged, text_hole
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.timing import time_side_by_side
from edlrr_cli.errors import EdlrrError
from edlrr_cli.media.images import read_image
from edlrr_cli.metrics import psnr

NAME = "command"
HELP = "edlrr --help"
INPAINT = ("edlrr inpaint", "edlrr inpaint --quality fast", "edlrr inpaint --prior global")
BUSY = "edlrr inpaint, beside two busy processes"
IMPORT, BIHARMONIC = "import torch alone", "skimage inpaint_biharmonic"
_NUM_BUSY = 2

PARAMETERS = {
    "image": PHOTO,
    "mask": "lines of text",
    "warm_up_rounds": 1,
    "seconds": "wall time of a separate process, interpreter and imports included",
    "busy": "infinite loops of Python, one thread each",
    "psnr": "of the output file, compared with the undamaged image",
}

_BIHARMONIC_SCRIPT = """
import sys
from skimage import io, restoration
image, mask = io.imread(sys.argv[1]), io.imread(sys.argv[2])
filled = restoration.inpaint_biharmonic(image, mask > 0, channel_axis=-1, split_into_regions=True)
io.imsave(sys.argv[3], (filled.clip(0, 1) * 255).round().astype("uint8"), check_contrast=False)
"""


def run(*, size_px: int, repeats: int, device: str, progress: Callable[[str], None]) -> list[Row]:
    """Time the commands alternately.

    Raises:
        EdlrrError: A command failed.
    """
    with TemporaryDirectory(prefix="edlrr-bench-") as name:
        folder = Path(name)
        clean, hole = photo(size_px), text_hole(size_px, size_px)
        save_damaged(folder / "damaged.png", folder / "mask.png", clean, hole)
        commands = _commands(folder, device)
        timings = time_side_by_side(
            {
                title: partial(_execute_beside_others if title == BUSY else _execute, command)
                for title, command in commands.items()
            },
            repeats=repeats,
            progress=progress,
        )
        qualities = {title: _quality(folder / f"{title}.png", clean) for title in commands}
    return [
        {"method": title, **timing.as_row(), "psnr": qualities[title]} for title, timing in timings.items()
    ]


def _commands(folder: Path, device: str) -> dict[str, list[str]]:
    edlrr = [sys.executable, "-m", "edlrr_cli"]
    image, mask = str(folder / "damaged.png"), str(folder / "mask.png")
    to_inpaint = [image, "--mask", mask, "--device", device, "--quiet", "--overwrite"]
    return {
        HELP: [*edlrr, "--help"],
        IMPORT: [sys.executable, "-c", "import torch"],
        **{
            title: [
                *edlrr,
                *title.partition(",")[0].split()[1:],
                *to_inpaint,
                "-o",
                str(folder / f"{title}.png"),
            ]
            for title in (*INPAINT, BUSY)
        },
        BIHARMONIC: [
            *(sys.executable, "-c", _BIHARMONIC_SCRIPT),
            *(image, mask, str(folder / f"{BIHARMONIC}.png")),
        ],
    }


def _execute(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode != 0:
        fault = ended.stderr.strip().rpartition("\n")[2]
        raise EdlrrError(f"{' '.join(command[:4])} ended with code {ended.returncode} ({fault})")


def _execute_beside_others(command: list[str]) -> None:
    """Execute a command while other processes compute all the time, each in one thread."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(_NUM_BUSY)]
    try:
        _execute(command)
    finally:
        for other in others:
            other.kill()
            other.wait()


def _quality(written: Path, clean: NDArray[np.float64]) -> float | None:
    """Return the PSNR of the output of a command; None if it has none."""
    return psnr(read_image(written).pixels, clean, data_range=1.0) if written.exists() else None
