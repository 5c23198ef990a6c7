"""The paper's Table 1: every method on every image with every kind of damage."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

import edlrr_cli
from edlrr_cli.baselines.result import Pixels
from edlrr_cli.bench.cases import Case, Data, drop_rate
from edlrr_cli.bench.images import save_thumbnail
from edlrr_cli.bench.memory import measure_peak
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.results_file import Benchmark
from edlrr_cli.bench.runner import run_cases
from edlrr_cli.bench.table1_methods import Method, Problem, all_names, find_method
from edlrr_cli.errors import UsageError
from edlrr_cli.metrics import psnr, ssim
from edlrr_cli.tasks.device import resolve_device

R = TypeVar("R")

NAME = "table1"
CORRUPTIONS = ("drop20", "drop30", "drop40", "drop50", "block", "text")
QUICK_CORRUPTIONS = ("drop50", "block", "text")
QUICK_CROP_PX = 128
QUICK_IMAGES = 2

PARAMETERS = {
    "images": "values / 255, the hole black",
    "drop": "a pixel is known where numpy.random.default_rng(seed).random((h, w)) >= p",
    "block, text": "masks scaled to the image by Pillow's default, missing where a channel is below 255",
    "psnr": "whole image, all channels, peak 1, clipped, unrounded, the known pixels put back",
    "psnr_raw, ssim_raw": "the same for the image as the method returns it",
    "psnr_missing": "the same over the missing pixels, equal for both images",
    "seconds": "of the restoration, after a warm-up on a small image; without the choice of parameters",
    "peak_bytes": "memory above the level before the call",
    "mean": "over the images, then over the seeds; sd over the seeds; failed cases are left out and counted",
    "dtype": "baselines in float64, ours in its own precision",
    "params": "chosen for this case on held-out known pixels; all others are in settings, by method",
}
_MEASURES = ("psnr_missing", "ssim", "ssim_raw", "seconds")
_SPREAD = ("psnr", "psnr_raw")


@dataclass(frozen=True)
class Plan:
    """The plan of a run, checked before the work.

    Attributes:
        corruptions: ``dropNN`` (percent), ``block`` or ``text``.
        num_seeds: Number of draws of the dropped pixels; damage by a mask is run once.
        crop_px: Side of the central square that is used; None for whole images.
        thumbnails: Folder for thumbnails of the first seed; None for none.

    Raises:
        UsageError: A method, corruption or image is unknown.
        InputError: There are no images.
        DeviceError: The device does not exist.
    """

    data: Path
    images: tuple[str, ...]
    corruptions: tuple[str, ...]
    methods: tuple[str, ...]
    num_seeds: int = 1
    device: str = "auto"
    crop_px: int | None = None
    thumbnails: Path | None = None
    picture_images: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        resolve_device(self.device)
        data = Data(self.data)
        for names in (self.images, self.picture_images):
            data.choose(list(names))
        for corruption in self.corruptions:
            drop_rate(corruption)
        for method in self.methods:
            find_method(method)

    def cases(self) -> list[CaseKey]:
        """Return all cases, seed by seed, so that a stopped run has complete tables of the first seeds."""
        return [
            CaseKey(self, corruption, seed, image, method)
            for seed in range(self.num_seeds)
            for corruption in self.corruptions
            if seed == 0 or drop_rate(corruption) is not None
            for image in self.images
            for method in self.methods
        ]

    def as_parameters(self) -> dict[str, Any]:
        """Return the parameters of the run for its record."""
        return {
            "data": Data(self.data).fingerprints(self.images),
            "images": list(self.images),
            "corruptions": list(self.corruptions),
            "methods": list(self.methods),
            "seeds": list(range(self.num_seeds)),
            "device": self.device,
            "crop_px": self.crop_px,
            "picture_images": list(self.picture_images),
            "settings": {method: find_method(method).settings() for method in self.methods},
        }


def make_plan(
    data: Path | None,
    *,
    methods: Sequence[str] | None,
    corruptions: Sequence[str] | None,
    images: Sequence[str] | None,
    picture_images: Sequence[str] | None,
    quick: bool,
    **rest: Any,
) -> Plan:
    """Return a plan, with defaults for missing arguments.

    Args:
        data: None for the sample images of a checkout, if ``quick``.
        methods: None for all; if ``quick``, without the paper's setting and the tuned rows.
        corruptions: None for the six of the paper; if ``quick``, three.
        images: None for all; if ``quick``, two.
        picture_images: None for the first two.

    Raises:
        UsageError: There are no data; see also `Plan`.
    """
    folder = data or (_sample_images() if quick else None)
    if folder is None:
        raise UsageError("no images to restore", "give --data DIR")
    found = Data(folder).images[: QUICK_IMAGES if quick else None]
    chosen = tuple(images or found)
    return Plan(
        folder,
        images=chosen,
        corruptions=tuple(corruptions or (QUICK_CORRUPTIONS if quick else CORRUPTIONS)),
        methods=tuple(methods or (name for name in all_names() if not (quick and ":" in name))),
        crop_px=QUICK_CROP_PX if quick else None,
        picture_images=tuple(picture_images or chosen[:2]),
        **rest,
    )


def _sample_images() -> Path | None:
    """Return the folder of sample images, which is part of a checkout but not installed."""
    folder = Path(edlrr_cli.__file__).parent.parent / "sample_images"
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class CaseKey:
    """One case: a method, an image, its damage and a seed."""

    plan: Plan
    corruption: str
    seed: int
    image: str
    method: str

    def as_row(self) -> Row:
        """Return the columns that identify the case."""
        names = ("corruption", "seed", "image", "method")
        return {"kind": "case", **{name: getattr(self, name) for name in names}}

    def thumbnail(self, slug: str) -> Path | None:
        """Return the path of a thumbnail; None if the plan has none for this case."""
        plan = self.plan
        if plan.thumbnails is None or self.seed > 0 or self.image not in plan.picture_images:
            return None
        return plan.thumbnails / f"{self.corruption}-{self.seed}-{self.image}-{slug}.jpg"

    @property
    def slug(self) -> str:
        """Return the name of the method in a form for file names."""
        return self.method.replace(":", "_")


def has_thumbnail(case: CaseKey) -> bool:
    """Whether the thumbnail of a case exists, if it has one."""
    thumbnail = case.thumbnail(case.slug)
    return thumbnail is None or thumbnail.is_file()


def benchmark_of(plan: Plan, jobs: int) -> Benchmark[CaseKey]:
    """Return what the results file of a plan is about; ``jobs`` processes run it."""
    settings = {"jobs": jobs, "threads_per_job": _threads_per_job(jobs)}
    return Benchmark(
        NAME,
        {**PARAMETERS, **plan.as_parameters(), **settings},
        plan.cases(),
        same=("crop_px", "device"),
        same_entries={"data": "{}", "settings": "setting of {}"},
        summary=lambda rows: means(plan, rows),
        has_files=has_thumbnail,
    )


def run(cases: Sequence[CaseKey], jobs: int) -> Iterator[Row]:
    """Run cases in ``jobs`` processes; see `edlrr_cli.bench.runner.run_cases`."""
    return run_cases(run_case, cases, jobs=jobs, threads=_threads_per_job(jobs))


def _threads_per_job(jobs: int) -> int:
    """Return the number of threads per process, such that all processes use as many as torch by default."""
    return max(torch.get_num_threads() // jobs, 1)


def run_case(key: CaseKey) -> Row:
    """Run one case in this process."""
    plan, method = key.plan, find_method(key.method)
    device = resolve_device(plan.device)
    case = Data(plan.data, crop_px=plan.crop_px).case(key.image, key.corruption, key.seed)
    problem = Problem(case.damaged, case.known, device, key.seed)
    _warm_up(key.method, str(device))
    choose = method.choose
    params, tuning_seconds = ({}, None) if choose is None else _timed(lambda: choose(problem))
    (outcome, seconds), peak = measure_peak(lambda: _timed(lambda: method.restore(problem, params)), device)
    restored = outcome.restored(problem.image, problem.known)
    _save_thumbnails(key, case, restored)
    return {
        **_quality(case, outcome.raw.clip(0.0, 1.0), restored),
        "seconds": seconds,
        "tuning_seconds": tuning_seconds,
        "peak_bytes": peak,
        "iterations": outcome.iterations,
        "stop": outcome.stop,
        "params": params,
    }


def _timed(call: Callable[[], R]) -> tuple[R, float]:
    started = time.perf_counter()
    outcome = call()
    return outcome, time.perf_counter() - started


@cache
def _warm_up(method: str, device: str) -> None:
    """Run a method on a small image once per process, which imports and initializes its libraries."""
    shade = np.linspace(0.2, 0.8, 32)
    known = np.random.default_rng(0).random((32, 32)) > 0.2
    image = np.where(known, shade[:, None] * shade, 0.0)[..., None]
    find_method(method.partition(":")[0]).restore(Problem(image, known, torch.device(device), 0), {})


def _quality(case: Case, raw: Pixels, restored: Pixels) -> Row:
    return {
        "psnr": psnr(restored, case.clean, data_range=1.0),
        "psnr_raw": psnr(raw, case.clean, data_range=1.0),
        "psnr_missing": psnr(restored, case.clean, data_range=1.0, where=~case.known),
        "ssim": ssim(restored, case.clean, data_range=1.0),
        "ssim_raw": ssim(raw, case.clean, data_range=1.0),
        "psnr_input": psnr(case.damaged, case.clean, data_range=1.0),
        "missing_fraction": float(1 - case.known.mean()),
    }


def _save_thumbnails(key: CaseKey, case: Case, restored: Pixels) -> None:
    for slug, pixels in ((key.slug, restored), ("_clean", case.clean), ("_damaged", case.damaged)):
        path = key.thumbnail(slug)
        if path is not None:
            save_thumbnail(path, pixels)


def means(plan: Plan, rows: Sequence[Row]) -> list[Row]:
    """Return one row per method and corruption, ``kind`` "mean"."""
    cells: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cells.setdefault((row["method"], row["corruption"]), []).append(row)
    order = [(method, corruption) for method in plan.methods for corruption in plan.corruptions]
    return [_mean(find_method(cell[0]), *cell, cells[cell]) for cell in order if cell in cells]


def _mean(method: Method, name: str, corruption: str, cases: list[Row]) -> Row:
    done = [case for case in cases if "error" not in case]
    row: Row = {"kind": "mean", "method": name, "corruption": corruption}
    row |= {"title": method.title, "group": method.group, "printed": method.printed}
    for key in _SPREAD:
        per_seed = [_average(case[key] for case in done if case["seed"] == seed) for seed in _seeds(done)]
        row[key] = _average(per_seed)
        row[f"{key}_sd"] = statistics.stdev(per_seed) if len(per_seed) > 1 else None
    row |= {key: _average(case[key] for case in done) for key in _MEASURES}
    row["peak_bytes"] = max(
        (case["peak_bytes"] for case in done if case["peak_bytes"] is not None), default=None
    )
    counts = {"num_images": len({case["image"] for case in done}), "num_seeds": len(_seeds(done))}
    return row | counts | {"num_failed": len(cases) - len(done)}


def _seeds(cases: list[Row]) -> list[int]:
    return sorted({case["seed"] for case in cases})


def _average(values: Any) -> Any:
    numbers = [value for value in values if value is not None]
    return statistics.fmean(numbers) if numbers else None
