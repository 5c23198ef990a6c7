"""Selection of the device."""

from __future__ import annotations

import logging

import torch

from edlrr_cli.errors import DeviceError

_log = logging.getLogger(__name__)


def resolve_device(name: str) -> torch.device:
    """Return the device with a given name.

    Args:
        name: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.

    Raises:
        DeviceError: The device is not available.

    Example:
        >>> resolve_device("cpu")
        device(type='cpu')
    """
    if name == "auto":
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        _log.debug("the device is %s", device)
        return device
    try:
        device = torch.device(name)
    except RuntimeError:
        raise DeviceError(f"unknown device {name!r}", "use auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise DeviceError(f"device {name!r} is not supported", "use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name!r} is not available: {torch.cuda.device_count()} CUDA devices found",
            "use cpu or auto",
        )
    return device
