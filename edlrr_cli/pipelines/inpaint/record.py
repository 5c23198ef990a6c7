"""The record of an inpainting, and its readable lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from edlrr_cli.baselines.registry import find
from edlrr_cli.metrics import psnr, ssim
from edlrr_cli.pipelines.failures import Record
from edlrr_cli.pipelines.inpaint.inputs import Inputs
from edlrr_cli.pipelines.inpaint.params import as_word
from edlrr_cli.pipelines.inpaint.settings import Settings
from edlrr_cli.pipelines.noise_levels import AUTO, NOISE_LEVELS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edlrr_cli.tasks.inpaint.baseline import BaselineResult
    from edlrr_cli.tasks.inpaint.config import Config
    from edlrr_cli.tasks.inpaint.problem import Result

_OURS_ONLY = (
    "weight",
    "effective_rank_before",
    "effective_rank_after",
    "data_term",
    "penalty",
    "lam",
    "scale",
    "noise",
    "quality",
    "expected_psnr",
)


class _Mask(Protocol):
    @property
    def mode(self) -> str: ...

    @property
    def missing_fraction(self) -> float: ...


class _Page(Protocol):
    """What is reported of the inputs of a page."""

    @property
    def page(self) -> int: ...

    @property
    def mask(self) -> _Mask: ...

    @property
    def reference(self) -> NDArray[np.float64] | None: ...

    @property
    def notes(self) -> list[str]: ...


def inpaint_record(
    inputs: _Page, settings: Settings, result: Result | BaselineResult, quality: Record
) -> Record:
    """Return the record of a run without its files; the names are the same for every method.

    Args:
        quality: The measurements of `quality_of`.

    Returns:
        Plain values; infinite where images are identical, None where nothing was measured or the
        method has no such thing.
    """
    return {
        "page": inputs.page,
        "method": settings.choice.method,
        "title": "low-rank penalty" if settings.is_ours else find(settings.choice.method).title,
        "reg": _reg_of(settings.config) if settings.is_ours else None,
        "device": result.device,
        "seed": settings.config.seed,
        "mask_mode": inputs.mask.mode,
        "missing_fraction": inputs.mask.missing_fraction,
        "iterations": result.iterations,
        "stop": result.stop,
        "seconds": result.seconds,
        "error_map": None,
        "error_map_white": None,
        **quality,
        **_particulars(inputs, result),
        "notes": [*inputs.notes, *result.notes],
    }


def _reg_of(config: Config) -> str:
    """Return the penalty of a run; ``"auto"`` where each prior has its own."""
    return config.penalty("global")[0] if config.prior == "global" else config.reg


def _particulars(inputs: _Page, result: Result | BaselineResult) -> Record:
    """Return the entries that only the low-rank method or only baselines have; None for the others."""
    from edlrr_cli.tasks.inpaint.baseline import BaselineResult

    if not isinstance(result, BaselineResult):
        ours = {name: getattr(result, name) for name in _OURS_ONLY}
        return {
            **ours,
            "shares": result.mixture_weights or None,
            "candidates": _candidates(inputs, result) or None,
            "held_out_psnr": result.held_out_psnr,
            "params": None,
            "tuning": None,
        }
    scores = result.tuning.scores if result.tuning else None
    return {
        **dict.fromkeys(_OURS_ONLY),
        "shares": None,
        "candidates": None,
        "held_out_psnr": result.held_out_psnr,
        "params": result.params,
        "tuning": scores and [{"params": score.params, "held_out_rmse": score.rmse} for score in scores],
    }


def _candidates(inputs: _Page, result: Result) -> dict[str, Record]:
    """Return the weight and the PSNR of each mixed restoration by name; None without a reference."""
    reference = inputs.reference
    return {
        each.name: {
            "weight": each.weight,
            "held_out_psnr": each.held_out_psnr,
            "psnr": None
            if reference is None or each.restored is None
            else psnr(each.restored, reference, data_range=1.0),
        }
        for each in result.candidates
    }


NO_QUALITY: Record = dict.fromkeys(("psnr_input", "psnr", "psnr_missing", "ssim"))
"""The measurements of an image without a reference."""


def quality_of(inputs: Inputs, written: NDArray[np.float64]) -> Record:
    """Return the measurements of a restored image.

    Args:
        written: The restored pixels at the depth of the output; they are what is measured.
    """
    reference = inputs.reference
    if reference is None:
        return NO_QUALITY
    return {
        "psnr_input": psnr(inputs.image.pixels, reference, data_range=1.0),
        "psnr": psnr(written, reference, data_range=1.0),
        "psnr_missing": None
        if inputs.is_clean
        else psnr(written, reference, data_range=1.0, where=~inputs.mask.known),
        "ssim": ssim(written, reference, data_range=1.0),
    }


def inpaint_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the readable lines of a record: labels and texts."""
    if record["status"] == "skipped":
        yield "skipped", f"{record['input']}, of which nothing is missing"
        return
    if record["pages"] is not None:
        yield from _page_lines(record)
        return
    if not record["missing_fraction"]:
        yield "copied", f"{record['output']}, of which nothing is missing"
        return
    yield "restored", str(record["output"])
    missing = f"{100 * record['missing_fraction']:.3g} % of the pixels"
    yield "missing", f"{missing} (mask mode {record['mask_mode']})"
    if record["psnr"] is not None:
        gain = f"{record['psnr_input']:.2f} -> {record['psnr']:.2f} dB"
        yield "PSNR", f"{gain}, missing pixels only {record['psnr_missing']:.2f} dB"
    if record["ssim"] is not None:
        yield "SSIM", f"{record['ssim']:.4f}"
    yield from _baseline_lines(record) if record["reg"] is None else _our_lines(record)
    if record["error_map"] is not None:
        yield "error map", f"{record['error_map']}, white is {record['error_map_white']:.3g} of 255"
    if record["figure"] is not None:
        yield "figure", str(record["figure"])


def _page_lines(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the lines of an image of several pages."""
    yield "restored", f"{record['output']}, {len(record['pages'])} pages"
    for page in record["pages"]:
        yield f"page {page['page']}", f"{100 * page['missing_fraction']:.3g} % missing, {inpaint_line(page)}"


def _our_lines(record: Record) -> Iterator[tuple[str, str]]:
    settings = record["settings"]
    # The prior auto decides how many are hidden: fewer for small holes, more for small images.
    yield from _held_out(record, None if settings["prior"] == "auto" else settings["held_out"])
    if record["expected_psnr"] is not None:
        yield "expected PSNR", f"{record['expected_psnr']:.2f} dB of the whole image"
    if settings["noise"] == AUTO:
        yield "noise", f"{NOISE_LEVELS * record['noise']:.3g} of 255, estimated"
    ranks = (record["effective_rank_before"], record["effective_rank_after"])
    yield "effective rank", f"{ranks[0]:.1f} -> {ranks[1]:.1f}"
    yield from _global_lines(record) if settings["prior"] == "global" else _prior_lines(record)
    steps = ""
    if settings["prior"] == "global":
        early = "" if record["stop"] == "steps" else f" ({record['stop']})"
        steps = f"{record['iterations']} of {settings['steps']} steps{early}, "
    elif record["stop"] == "time budget":
        steps = "cut short by the time budget, "
    yield "done", f"{steps}{record['seconds']:.1f} s on {record['device']}"


def _global_lines(record: Record) -> Iterator[tuple[str, str]]:
    yield "objective", _objective(record)
    if record["weight"] < 1:
        start = f"{1 - record['weight']:.0%} {record['settings']['fill']} start"
        yield "mixture", f"{record['weight']:.0%} minimizer, {start}"


def _prior_lines(record: Record) -> Iterator[tuple[str, str]]:
    settings = record["settings"]
    kept = "fitted" if record["noise"] else "kept exactly"
    yield "prior", f"{settings['prior']}, {record['quality']}; known pixels {kept}"
    if record["shares"]:
        weights = sorted(record["shares"].items(), key=lambda pair: -pair[1])
        yield "mixture", ", ".join(f"{weight:.0%} {name}" for name, weight in weights)
        for name, _ in weights:
            yield name, _psnrs(record["candidates"][name])


def _psnrs(candidate: Record) -> str:
    of_image = "" if candidate["psnr"] is None else f", {candidate['psnr']:.2f} dB of the whole image"
    return f"{candidate['held_out_psnr']:.2f} dB on held-out pixels{of_image}"


def _baseline_lines(record: Record) -> Iterator[tuple[str, str]]:
    from edlrr_cli.tasks.inpaint.tuning import HELD_OUT_FRACTION

    yield from _held_out(record, HELD_OUT_FRACTION)
    yield "method", f"{record['title']} ({find(record['method']).source}); known pixels put back"
    if record["params"]:
        yield "parameters", " ".join(f"{name}={as_word(value)}" for name, value in record["params"].items())
    if record["settings"]["tune"]:
        tried = record["tuning"]
        yield "tuned", f"best of {len(tried)} settings" if tried else "nothing to choose"
    steps = f"{record['iterations']} steps ({record['stop']}), " if record["iterations"] else ""
    yield "done", f"{steps}{record['seconds']:.1f} s on {record['device']}"


def _held_out(record: Record, fraction: float | None) -> Iterator[tuple[str, str]]:
    if record["held_out_psnr"] is not None:
        which = "known pixels" if fraction is None else f"{100 * fraction:.3g} % of the known pixels"
        hidden = f"{which}, hidden"
        yield "held-out PSNR", f"{record['held_out_psnr']:.2f} dB on {hidden}"


def _objective(record: Record) -> str:
    penalty = f"penalty {record['penalty']:.4g} ({record['reg']})"
    if record["lam"] is None:
        return f"{penalty}; known pixels kept exactly"
    return f"data term {record['data_term']:.4g} + lambda {record['lam']:.4g} x {penalty}"


def inpaint_line(record: Record) -> str:
    """Return the readable line of one image of a batch, or of one page."""
    if not record["missing_fraction"]:
        return "nothing missing"
    quality = (record["psnr"], "PSNR"), (record["expected_psnr"], "expected PSNR")
    words = [f"{name} {value:.2f} dB" for value, name in quality if value is not None][:1]
    return ", ".join([*words, f"{record['seconds']:.1f} s on {record['device']}"])
