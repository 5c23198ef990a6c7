"""The architectures by name, importable without torch."""

from __future__ import annotations

from dataclasses import dataclass

from edlrr_cli.errors import UsageError
from edlrr_cli.lrr.names import nearest


@dataclass(frozen=True)
class Size:
    """How large a network is.

    Attributes:
        depth: Convolutions of 3 x 3 along the network, first and last included; of ``light``, residual blocks
            at a scale.
        width: Channels between them; of ``light``, at its finest scale.
    """

    depth: int
    width: int


#: Architecture -> its published size; ``light``: that of this program.
ARCHS = {
    "dncnn": Size(17, 64),
    "dncnn-b": Size(20, 64),
    "dncnn-bf": Size(17, 64),
    "light": Size(2, 32),
}


def published_size(arch: str) -> Size:
    """Return the size that an architecture has when nothing is said.

    Raises:
        UsageError: Unknown name; the message offers the nearest.
    """
    if arch not in ARCHS:
        raise UsageError(f"unknown arch {arch!r}", nearest(arch, tuple(ARCHS)))
    return ARCHS[arch]
