"""The tables of a record of ``edlrr bench denoise``: the shipped denoiser, Figure 3, and the details."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edlrr_cli.bench.denoise_scores import BALANCED, BEST, COMMAND, PRINTED_LEVELS, SHIPPED, SHIPPED_AUTO
from edlrr_cli.bench.markdown import NONE, ranked_column, table, table_of, text_of
from edlrr_cli.bench.record import Row

_TITLES = {
    SHIPPED_AUTO: "`edlrr denoise`",
    SHIPPED: "`edlrr denoise`, level given",
    BALANCED: "`--quality balanced`, level given",
    BEST: "`--quality best`, level given",
    "lrr-groups": "`edlrr denoise --method lrr`",
    "bm3d": "BM3D",
    "nlm": "non-local means",
    "tv": "total variation",
    "wavelet": "wavelets",
    "noisy": "noisy",
}
# Set12 and BSD68 at 15, 25 and 50, by Zhang et al., 2017, with networks trained on 80,000 batches of 128.
_PRINTED = {
    "*printed: BM3D*": (32.37, 29.97, 26.72, 31.07, 28.57, 25.62),
    "*printed: DnCNN-S, one network a level*": (32.86, 30.44, 27.18, 31.73, 29.23, 26.23),
}
_SETS = ("Set12", "BSD68")
_KINDS = {
    "plain": "DnCNN",
    "lrr": "+ low-rank term",
    "windows": "+ low-rank term of windows",
    "groups": "+ low-rank term of similar patches",
    "wide": "+ low-rank term, its images at 0–75",
    "error": "+ low-rank term on the error",
    "bias-free": "bias-free",
    "rescaled": "input rescaled",
    "rescaled:auto": "input rescaled, level estimated",
    "blind": "trained at 0–55",
}


def summary(rows: list[Row]) -> str:
    """Return the tables of the shipped denoiser and the baselines, if tested, and of the terms' gains."""
    tested = {row["method"] for row in rows if row["kind"] == "score"}
    return f"{_shipped(rows)}\n\n{_gains(rows)}" if SHIPPED_AUTO in tested else _gains(rows)


def details(rows: list[Row]) -> str:
    """Return the tables of all networks at all levels, and of the search for lambda."""
    parts = [_networks(rows, test_set) for test_set in _sets(rows)]
    return "\n\n".join([*parts, _trials(rows)])


def _shipped(rows: Sequence[Row]) -> str:
    scores = _mean_scores(rows)
    seconds = {row["method"]: row["seconds"] for row in rows if row["kind"] == "time"}
    cells: dict[str, list[str]] = {
        method: [] for method in _TITLES if any(key[0] == method for key in scores)
    }
    sets = _sets(rows)
    for test_set in sets:
        for level in PRINTED_LEVELS:
            values = {method: scores.get((method, None, test_set, level)) for method in cells}
            for method, cell in ranked_column(values, "{:.2f}".format).items():
                cells[method].append(cell)
    lines = [
        [_TITLES[method], *line, text_of(seconds.get(method), "{:.2g}")] for method, line in cells.items()
    ]
    printed = _PRINTED if sets == _SETS else {}
    lines += [[title, *(f"*{value:.2f}*" for value in line), NONE] for title, line in printed.items()]
    header = [f"{test_set}, {level}" for test_set in sets for level in PRINTED_LEVELS]
    counts = {row["set"]: row["num_pictures"] for row in rows if row["kind"] == "score"}
    whole = "" if COMMAND not in seconds else f" The whole command takes {seconds[COMMAND]:.1f} s."
    note = ", ".join(f"{count} images of {test_set}" for test_set, count in counts.items())
    text = table(["PSNR, dB", *header, "seconds, 512 x 512"], lines)
    printed_note = "; the printed numbers are of all 12 and 68" if printed else ""
    return f"{text}\n\nOn {note}{printed_note}.{whole}"


def _sets(rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row["set"] for row in rows if row["kind"] == "score"))


def _gains(rows: Sequence[Row]) -> str:
    found = [row for row in rows if row["kind"] == "verdict"]
    levels = sorted({row["level"] for row in found})
    by_network: dict[tuple[str, int], dict[int, Row]] = {}
    for row in found:  # records of one kind of term do not name it
        by_network.setdefault((row.get("network", "lrr"), row["trained_at"]), {})[row["level"]] = row
    kinds = {network for network, _ in by_network}
    lines = [
        [
            f"{_KINDS[network]}, trained at {trained_at}" if len(kinds) > 1 else f"trained at {trained_at}",
            *(_gain(of_level[level], trained_at) for level in levels),
        ]
        for (network, trained_at), of_level in by_network.items()
    ]
    count = found[0]["num_seeds"]
    title = f"gain by the low-rank term, dB, tested at ({count} seeds)"
    return table([title, *map(str, levels)], lines)


def _gain(row: Row, trained_at: int) -> str:
    spread = "" if row["spread"] is None else f" ± {row['spread']:.2f}"
    text = f"{row['gain']:+.2f}{spread}"
    return f"*{text}*" if row["level"] == trained_at else text


def _networks(rows: Sequence[Row], test_set: str) -> str:
    scores = _mean_scores(rows)
    levels = sorted({row["level"] for row in rows if row["kind"] == "score"})
    lines = []
    for kind, title in _KINDS.items():
        for trained_at in sorted({key[1] for key in scores if key[0] == kind}, key=lambda level: level or 0):
            values = [scores.get((kind, trained_at, test_set, level)) for level in levels]
            name = title if trained_at is None else f"{title}, trained at {trained_at}"
            lines.append([name, *(text_of(value, "{:.2f}") for value in values)])
    return f"**{test_set}**\n\n{table(['PSNR, dB, tested at', *map(str, levels)], lines)}"


def _trials(rows: Sequence[Row]) -> str:
    return table_of(
        [row for row in rows if row["kind"] == "trial"],
        {
            "lambda tried": lambda row: f"{_KINDS[row['network']]}, trained at {row['trained_at']}",
            "lambda": "{lam:g}",
            "PSNR, dB, on held-out training images": "{held_out_psnr:.2f}",
            "cost, dB": "{cost_db:+.2f}",
            "chosen": lambda row: "yes" if row["chosen"] else "",
        },
    )


def _mean_scores(rows: Sequence[Row]) -> dict[tuple[str, int | None, str, int], float]:
    """Return the mean over the seeds by method, training level, test set and test level."""
    values: dict[tuple[str, int | None, str, int], list[float]] = {}
    for row in rows:
        if row["kind"] == "score":
            key = (row["method"], row["trained_at"], row["set"], row["level"])
            values.setdefault(key, []).append(row["psnr"])
    return {key: float(np.mean(group)) for key, group in values.items()}
