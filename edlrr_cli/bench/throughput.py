"""Throughput of a batch compared with single commands, and time and memory of large images."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edlrr_cli.bench.images import PHOTO, caption_hole, large_photo, photo, save_damaged, text_hole
from edlrr_cli.bench.record import Row
from edlrr_cli.errors import EdlrrError
from edlrr_cli.media.images import read_image
from edlrr_cli.metrics import psnr

NAME = "throughput"
QUALITIES = ("balanced", "fast")

PARAMETERS = {
    "image": PHOTO,
    "mask": "small images: lines of text all over; large ones: three lines, lines all over, or one dot",
    "large_image": "the same tiled, mirrored, with noise of standard deviation 1.5 of 255",
    "seconds": "wall time, interpreters and imports included",
    "peak_bytes": "largest resident set of the process",
    "psnr_missing": "of the missing pixels only",
}

_Pixels = NDArray[np.float64]
_Hole = NDArray[np.bool_]


@dataclass(frozen=True)
class Ended:
    """Time and memory of a finished process.

    Attributes:
        seconds: Wall time from start to end.
        peak_bytes: Largest resident set.
        cpu_seconds: Time of all threads on the processor.
    """

    seconds: float
    peak_bytes: int
    cpu_seconds: float


def run(
    *, num_images: int, size_px: int, large_px: tuple[int, int], device: str, progress: Callable[[str], None]
) -> list[Row]:
    """Time batches and the corresponding loops of single commands, then large images.

    Args:
        large_px: Height and width of the large image.

    Raises:
        EdlrrError: A command failed.
    """
    options = ["--device", device, "--quiet", "--overwrite"]
    batches = (_batch(num_images, size_px, quality, options, progress) for quality in QUALITIES)
    return [*(row for rows in batches for row in rows), *_large(large_px, options, progress)]


def _batch(
    num_images: int, size_px: int, quality: str, options: Sequence[str], progress: Callable[[str], None]
) -> Iterator[Row]:
    with _folder() as folder:
        mask, images = folder / "mask.png", [folder / f"{number:03}.png" for number in range(num_images)]
        clean, hole = photo(size_px), text_hole(size_px, size_px)
        for number, image in enumerate(images):  # all different
            save_damaged(image, mask, np.roll(clean, 7 * number, axis=1), hole)
        common = ["--mask", str(mask), "--quality", quality, *options]
        progress(f"a batch, {quality}")
        batched = edlrr("inpaint", *map(str, images), "-o", str(folder / "out"), *common)
        progress(f"one command each, {quality}")
        single = [edlrr("inpaint", str(image), *common) for image in images]
    seconds = {"one command each": sum(ended.seconds for ended in single), "a batch": batched.seconds}
    for variant, elapsed in seconds.items():
        yield {
            "kind": "batch",
            "case": f"{num_images} of {size_px} x {size_px} pixels, {quality}, {variant}",
            "seconds": elapsed,
            "images_per_minute": 60 * num_images / elapsed,
            "ratio": seconds["one command each"] / elapsed,
        }


def _large(
    size_px: tuple[int, int], options: Sequence[str], progress: Callable[[str], None]
) -> Iterator[Row]:
    clean, (height, width) = large_photo(*size_px), size_px
    dot = np.zeros(size_px, dtype=np.bool_)
    dot[height // 2 : height // 2 + 5, width // 2 : width // 2 + 5] = True
    holes = {
        "a dot": dot,
        "three lines of text": caption_hole(*size_px),
        "text all over": text_hole(*size_px),
    }
    for name, hole in holes.items():
        progress(f"large, {name}")
        with _folder() as folder:
            yield {"kind": "large", "case": name, **_restored(folder, clean, hole, options)}


def _restored(folder: Path, clean: _Pixels, hole: _Hole, options: Sequence[str]) -> Row:
    image, mask, output = (folder / f"{name}.png" for name in ("image", "mask", "output"))
    save_damaged(image, mask, clean, hole)
    ended = edlrr("inpaint", str(image), "--mask", str(mask), "-o", str(output), *options)
    restored = read_image(output).pixels
    return {
        "megapixels": hole.size / 1e6,
        "missing_fraction": float(hole.mean()),
        "seconds": ended.seconds,
        "peak_bytes": ended.peak_bytes,
        "psnr_missing": psnr(restored, clean, data_range=1.0, where=hole),
    }


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="edlrr-bench-") as name:
        yield Path(name)


def edlrr(*arguments: str) -> Ended:
    """Run a command in a separate process.

    Raises:
        EdlrrError: The command failed.
    """
    started = time.perf_counter()
    command = [sys.executable, "-m", "edlrr_cli", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        messages = process.stderr.read() if process.stderr else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        fault = messages.decode(errors="replace").strip().rpartition("\n")[2]
        raise EdlrrError(f"edlrr {arguments[0]} ended with code {process.returncode} ({fault})")
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Ended(time.perf_counter() - started, 1024 * usage.ru_maxrss, cpu_seconds)
