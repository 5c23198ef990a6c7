"""Construction of networks by name."""

from __future__ import annotations

from torch import nn

from edlrr_cli.networks.dncnn import DnCNN
from edlrr_cli.networks.light import Light
from edlrr_cli.networks.names import Size, published_size


def build_network(arch: str, size: Size) -> nn.Module:
    """Return a network with random weights from torch's global generator.

    Args:
        arch: One of `edlrr_cli.networks.names.ARCHS`.

    Raises:
        UsageError: Unknown architecture.
    """
    published_size(arch)
    if arch == "light":
        return Light(width=size.width, depth=size.depth, channels=size.channels)
    bias_free = arch == "dncnn-bf"
    return DnCNN(depth=size.depth, width=size.width, channels=size.channels, bias_free=bias_free)
