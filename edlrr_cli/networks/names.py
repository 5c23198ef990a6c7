"""Names of the architectures, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest


@dataclass(frozen=True)
class Size:
    """Size of a network.

    Attributes:
        depth: Number of 3 x 3 convolutions, including the first and the last; for ``light``, number of
            residual blocks per scale.
        width: Channels between the convolutions; for ``light``, at its finest scale.
        channels: Channels of the images, 1 for gray or 3 for RGB.
    """

    depth: int
    width: int
    channels: int = 1


#: Architecture -> published size; for ``light``, that of this program.
ARCHS = {
    "dncnn": Size(17, 64),
    "dncnn-b": Size(20, 64),
    "dncnn-bf": Size(17, 64),
    "light": Size(2, 32),
}


def published_size(arch: str) -> Size:
    """Return the published, default size of an architecture.

    Raises:
        UsageError: Unknown name; the message suggests the nearest.
    """
    if arch not in ARCHS:
        raise UsageError(f"unknown arch {arch!r}", nearest(arch, tuple(ARCHS)))
    return ARCHS[arch]
