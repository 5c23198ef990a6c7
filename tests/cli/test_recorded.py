"""What scripts rely on, call by call: exit codes, the records of --json, and the pixels of the outputs.

The expectations are in ``recorded.json``. After an intended change write them anew:
``python tests/cli/test_recorded.py``.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from edlrr_cli.cli.app import edlrr
from edlrr_cli.lrr.native.library import processor
from edlrr_cli.pipelines.logs import configure_logging

RECORDED = Path(__file__).with_name("recorded.json")
SIDE_PX = 24
#: What differs from run to run, and texts for people, whose wording may change.
VOLATILE = ("seconds", "frames_per_second", "version", "error", "remedy", "notes", "title")
INPAINT = ("inpaint", "damaged.png", "--mask", "mask.png", "--steps", "6", "--quality", "draft")
CALLS = {
    "inpaint": (*INPAINT, "--json", "--reference", "clean.png", "--figure", "figure.png", "-o", "out.png"),
    "inpaint, global": (*INPAINT, "--prior", "global", "--reg", "laguerre-gamma", "--json"),
    "inpaint, a baseline": (
        "inpaint",
        "damaged.png",
        "--mask",
        "mask.png",
        "--method",
        "biharmonic",
        "--json",
    ),
    "inpaint, an error map": (*INPAINT, "--error-map", "error.png", "--report", "page.html", "--json"),
    "inpaint, an output that exists": (*INPAINT, "-o", "clean.png", "--json"),
    "inpaint, a missing file": ("inpaint", "none.png", "--mask", "mask.png", "--json"),
    "inpaint, a batch": (
        *("inpaint", "photos", "--mask", "mask.png", "--steps", "6", "--prior", "global", "-o", "restored"),
        *("--json", "--jobs", "1"),
    ),
    "inpaint, a dry run": (
        "inpaint",
        "photos",
        "--mask",
        "mask.png",
        "-o",
        "restored",
        "--json",
        "--dry-run",
    ),
    "inpaint, a batch that exists": (
        *("inpaint", "clean.png", "damaged.png", "--mask", "mask.png", "--skip-existing", "--suffix", ""),
        *("--json", "-o", "."),
    ),
    "inpaint, a shard": (
        *("inpaint", "photos", "--mask", "mask.png", "--shard", "2/3", "--dry-run", "--json"),
    ),
    "inpaint, no such penalty": (*INPAINT, "--reg", "none", "--json"),
    "denoise": ("denoise", "clean.png", "--add-noise", "20", "--sigma", "20", "--json", "-o", "out.png"),
    "denoise, a penalty": ("denoise", "clean.png", "--method", "lrr", "--sigma", "10", "--json"),
    "denoise, a batch": ("denoise", "photos", "-o", "denoised", "--method", "tv", "--json", "--jobs", "1"),
    "denoise, a dry run": ("denoise", "photos", "--dry-run", "--json"),
    "denoise, an idle option": ("denoise", "clean.png", "--method", "tv", "--reg", "nuclear", "--json"),
    "bgsep": ("bgsep", "frames", "-o", "split", "--mask-format", "png", "--codec", "ffv1", "--json"),
    "bgsep, the median": ("bgsep", "frames", "--method", "median", "--json", "--report", "page.html"),
    "bgsep, a batch": (
        "bgsep",
        "frames",
        "more",
        "-o",
        "both",
        "--method",
        "median",
        "--json",
        "--jobs",
        "1",
    ),
    "bgsep, a dry run": ("bgsep", "frames", "more", "--dry-run", "--json"),
    "bgsep, a missing source": ("bgsep", "none.mp4", "--json"),
}


def write_inputs(folder: Path) -> None:
    """Waves, a black square in them, its mask, a folder of images, and two videos of a moving square."""
    y, x = np.mgrid[:SIDE_PX, :SIDE_PX] / 4
    clean = (127 + 60 * np.stack([np.sin(x) * np.cos(y), np.sin(x + 1), np.cos(y)], axis=2)).astype(np.uint8)
    hole = np.zeros((SIDE_PX, SIDE_PX), np.uint8)
    hole[8:12, 9:14] = 255
    damaged = np.where(hole[..., None] > 0, 0, clean).astype(np.uint8)
    for name, pixels in {"clean": clean, "damaged": damaged, "mask": hole}.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    (folder / "photos").mkdir()
    for number in range(2):
        Image.fromarray(np.roll(damaged, number, axis=1)).save(folder / f"photos/{number}.png")
    (folder / "photos/2.png").write_bytes(b"not an image")
    for start, name in enumerate(("frames", "more")):
        (folder / name).mkdir()
        for index in range(6):
            frame = clean.copy()
            frame[6:12, 2 + 3 * index + start :][:, :4] = 250
            Image.fromarray(frame).save(folder / name / f"{index}.png")


def normalized(value: object, name: str = "", *, digits: int = 4) -> object:
    """Return a record without what differs from run to run; numbers are rounded."""
    if name in VOLATILE:
        return type(value).__name__
    if isinstance(value, dict):
        return {key: normalized(inner, key, digits=digits) for key, inner in value.items()}
    if isinstance(value, list):
        return [normalized(inner, digits=digits) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.{digits}g}") if math.isfinite(value) else str(value)
    return value


def outcome_of(arguments: tuple[str, ...]) -> dict[str, object]:
    """Run a call in the current folder, and return its exit code, records and output files."""
    folder = Path()
    before = set(folder.rglob("*"))
    ended = CliRunner().invoke(edlrr, arguments)
    configure_logging("warning")
    written = sorted(path for path in set(folder.rglob("*")) - before if path.is_file())
    return {
        "exit_code": ended.exit_code,
        "records": [normalized(json.loads(line)) for line in ended.stdout.splitlines()],
        "files": {str(path): digest(path) for path in written},
    }


def digest(path: Path) -> str | None:
    """Return the hash of an image's pixels; None of what is compressed with loss or names its version."""
    if path.suffix != ".png" or path.stem in ("figure", "overview"):
        return None
    with Image.open(path) as image:
        return hashlib.sha256(f"{image.mode} {image.size}".encode() + image.tobytes()).hexdigest()[:16]


def machine() -> str:
    """Name what decides the last bits of floating-point results."""
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()} {capability} torch {torch.__version__} kernels {processor()}"


def names_alone(outcome: dict[str, object]) -> dict[str, object]:
    """Return what is the same on all machines: exit code, keys, words and names."""

    def shape(value: object) -> object:
        if isinstance(value, dict):
            return {key: shape(inner) for key, inner in value.items()}
        return value if isinstance(value, str | bool) else type(value).__name__

    return {**outcome, "records": list(map(shape, outcome["records"])), "files": sorted(outcome["files"])}


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, object]]:
    return json.loads(RECORDED.read_text())


@pytest.mark.parametrize("name", CALLS)
def test_call_is_as_recorded(name, recorded, tmp_path, monkeypatch):
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    outcome, expected = outcome_of(CALLS[name]), recorded["calls"][name]
    if recorded["machine"] != machine():
        outcome, expected = names_alone(outcome), names_alone(expected)
    assert outcome == expected


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    torch.set_num_threads(1)
    calls, target = {}, RECORDED.resolve()
    for name, arguments in CALLS.items():
        with TemporaryDirectory() as folder:
            write_inputs(Path(folder))
            os.chdir(folder)
            calls[name] = outcome_of(arguments)
        print(name, calls[name]["exit_code"], file=sys.stderr)
    target.write_text(json.dumps({"machine": machine(), "calls": calls}, indent=1) + "\n")
