"""What the tests of the command line share: a runner, a small damaged image on disk, and clips."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edlrr_cli.cli.app import edlrr
from edlrr_cli.media.still_image import Levels
from edlrr_cli.media.video import Frame
from edlrr_cli.media.video_sources import open_video
from edlrr_cli.media.video_writer import write_video
from edlrr_cli.pipelines.logs import configure_logging

SIDE_PX = 32


@dataclass(frozen=True)
class Scene:
    """A clean image, the same with a black square, and the mask of the square (white)."""

    folder: Path

    @property
    def clean(self) -> Path:
        return self.folder / "clean.png"

    @property
    def damaged(self) -> Path:
        return self.folder / "damaged.png"

    @property
    def mask(self) -> Path:
        return self.folder / "mask.png"

    @property
    def restored(self) -> Path:
        return self.folder / "damaged_restored.png"

    def arguments(self, *more: str | Path) -> list[str | Path]:
        """A quick inpainting of the image."""
        return ["inpaint", self.damaged, "--mask", self.mask, "--steps", "10", *more]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return write_scene(tmp_path)


def write_scene(folder: Path) -> Scene:
    """Waves in three colors, 5 x 5 pixels missing."""
    made = Scene(folder)
    x, y = np.meshgrid(*[np.linspace(0, 6, SIDE_PX)] * 2)
    waves = [np.sin(x) * np.cos(y), np.sin(x + 1), np.cos(y)]
    clean = (127 + 100 * np.stack(waves, axis=2)).astype(np.uint8)
    hole = np.zeros((SIDE_PX, SIDE_PX), dtype=np.uint8)
    hole[10:15, 12:17] = 255
    Image.fromarray(clean).save(made.clean)
    Image.fromarray(np.where(hole[..., None] > 0, 0, clean).astype(np.uint8)).save(made.damaged)
    Image.fromarray(hole).save(made.mask)
    return made


def write_frames(path: Path, frames: Iterable[Levels], times: Iterable[Fraction], **settings: Any) -> Path:
    """Write a clip; the settings are those of `write_video`, apart from the size."""
    first, *others = frames
    with write_video(path, size_px=first.shape[:2], **settings) as writer:
        for pixels, time in zip([first, *others], times, strict=False):
            writer.write(pixels, time)
    return path


def frames_of(path: Path) -> list[Frame]:
    return list(open_video(path).frames())


def pixels_of(path: Path) -> Levels:
    """The pixels of all frames of a clip, shape (n, h, w, c)."""
    return np.stack([frame.pixels for frame in frames_of(path)])


def record_of(result: Result) -> dict[str, Any]:
    """The one line of JSON of a command that succeeded."""
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("\n") == 1
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))


@pytest.fixture(scope="session")
def run() -> Callable[..., Result]:
    """Run a command line in this process, bytes piped into it; no error may show a traceback."""
    separate = "mix_stderr" in inspect.signature(CliRunner).parameters  # click 8.1
    runner = CliRunner(mix_stderr=False) if separate else CliRunner()

    def invoke(*arguments: str | Path, piped: bytes = b"") -> Result:
        result = runner.invoke(edlrr, [str(argument) for argument in arguments], input=piped)
        configure_logging("warning")  # --quiet is for the command alone
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.stderr
        return result

    return invoke


@pytest.fixture(scope="session")
def refused(run: Callable[..., Result]) -> Callable[..., str]:
    """Run a command line that must fail with a code, one line on stderr and nothing on stdout."""

    def check(exit_code: int, *arguments: str | Path) -> str:
        result = run(*arguments)
        assert result.exit_code == exit_code, result.stderr
        assert result.stdout == ""
        assert result.stderr.startswith("edlrr: ")
        assert result.stderr.count("\n") == 1
        assert result.stderr.endswith("\n")
        return result.stderr

    return check


@pytest.fixture(scope="session")
def spawn() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line in a process of its own."""

    def start(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edlrr_cli", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300)

    return start
