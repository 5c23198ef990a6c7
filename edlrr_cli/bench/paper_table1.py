"""Table 1 as printed in the paper (Li et al., IJCAI 2025); these are not our measurements."""

from __future__ import annotations

from dataclasses import dataclass

CITATION = (
    "Li et al., “Efficient Differentiable Approximation of Generalized Low-rank Regularization”, IJCAI 2025"
)

_CORRUPTIONS = ("drop20", "drop30", "drop40", "drop50", "block", "text")


@dataclass(frozen=True)
class Column:
    """The printed numbers of one method.

    Attributes:
        psnr: Mean over eleven images in dB, by corruption.
        seconds: "Average processing time per image", on a machine with a 3080 Ti.
    """

    name: str
    psnr: dict[str, float]
    seconds: float


def _column(name: str, seconds: float, *psnr: float) -> Column:
    return Column(name, dict(zip(_CORRUPTIONS, psnr, strict=True)), seconds)


#: Columns by their names in records, in the order of the paper.
COLUMNS: dict[str, Column] = {
    "nuclear": _column("nuclear", 4.35, 37.09, 35.03, 33.09, 31.39, 17.89, 26.73),
    "T-gamma*": _column("T-γ*", 3.83, 38.44, 36.24, 34.28, 32.51, 31.14, 35.07),
    "T-Lap": _column("T-Lap", 3.88, 38.41, 36.01, 34.16, 32.31, 29.67, 34.99),
    "L-gamma*": _column("L-γ*", 3.83, 38.39, 36.19, 34.21, 32.32, 24.64, 34.97),
    "L-Lap": _column("L-Lap", 3.86, 38.47, 36.20, 34.22, 32.38, 25.80, 34.98),
    "RPCA FGSR": _column("RPCA FGSR", 16.83, 26.0, 24.89, 16.41, 6.95, 13.75, 21.49),
    "f-MDT Tucker": _column("f-MDT Tucker", 1.73, 24.28, 24.44, 24.16, 23.90, 23.20, 22.68),
    "MSS": _column("MSS", 10.70, 26.62, 25.58, 24.83, 24.05, 26.09, 24.56),
    "IRNN": _column("IRNN", 8.82, 28.33, 28.51, 27.52, 26.91, 25.46, 26.20),
    "TNN-3DTV": _column("TNN-3DTV", 24.85, 30.17, 30.03, 29.82, 29.54, 28.17, 29.99),
    "DLRL": _column("DLRL", 494.46, 35.99, 34.58, 33.58, 32.43, 30.82, 37.19),
}
