"""From the name of an architecture to the network."""

from __future__ import annotations

from torch import nn

from edlrr_cli.networks.dncnn import DnCNN
from edlrr_cli.networks.light import Light
from edlrr_cli.networks.names import Size, published_size


def build_network(arch: str, size: Size) -> nn.Module:
    """Return a network with fresh weights, drawn from torch's global generator.

    Args:
        arch: One of `edlrr_cli.networks.names.ARCHS`.
        size: Its depth and width.

    Raises:
        UsageError: Unknown architecture.
    """
    published_size(arch)
    if arch == "light":
        return Light(width=size.width, depth=size.depth)
    return DnCNN(depth=size.depth, width=size.width, bias_free=arch == "dncnn-bf")
