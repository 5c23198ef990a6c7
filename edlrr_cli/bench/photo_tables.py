"""The table of a record of ``edlrr bench photo``."""

from __future__ import annotations

from edlrr_cli.bench.markdown import ranked_column, table
from edlrr_cli.bench.record import Row

_TITLES = {
    "edlrr": "`edlrr denoise`",
    "edlrr:white": "`--noise-type white`",
    "edlrr:gray": "network for gray, on brightness and differences",
    "bm3d": "BM3D, level given",
    "nlm": "non-local means, level given",
    "noisy": "noisy",
}


def summary(rows: list[Row]) -> str:
    """Return PSNR and SSIM by method and camera, the mean gain, and the least gain of an image."""
    cameras = list(dict.fromkeys(row["camera"] for row in rows))
    found = {(row["method"], row["camera"]): row for row in rows}
    entered = [method for method in _TITLES if any(key[0] == method for key in found)]
    columns = []
    for camera in cameras:
        values = {method: found[method, camera]["psnr"] for method in entered}
        marked = ranked_column(values, "{:.2f}".format)
        columns.append(
            {method: f"{marked[method]} / {found[method, camera]['ssim']:.3f}" for method in entered}
        )
    lines = []
    for method in entered:
        gains = [found[method, camera]["gain"] for camera in cameras]
        least = min(found[method, camera]["least_gain"] for camera in cameras)
        cells = [column[method] for column in columns]
        lines.append([_TITLES[method], *cells, f"{sum(gains) / len(gains):+.2f}", f"{least:+.2f}"])
    return table(["PSNR / SSIM", *cameras, "mean gain", "least gain"], lines)
