"""The state of the caller's thread, set aside while the library computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from edlrr_cli.errors import UsageError


@contextmanager
def isolated() -> Iterator[None]:
    """Compute under the defaults of torch and NumPy, and restore the caller's state afterwards.

    Inside, gradients are recorded, inference mode and autocast are off, new tensors are on the CPU, and
    floating-point errors of NumPy are handled as NumPy does by default. Use it as a decorator.

    Raises:
        UsageError: A function transform or a mode of the caller does not allow ordinary tensors.

    Note:
        Each of these states belongs to one thread, so callers in several threads do not disturb each other,
        and threads that are started inside begin with the defaults. What belongs to the whole process (the
        default dtype, the global random generators) could not be set without changing it for the caller's
        other threads: the code that runs inside names its dtypes and its generators instead.

    Example:
        >>> with torch.no_grad(), isolated():
        ...     torch.is_grad_enabled()
        True
    """
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
        torch.device("cpu"),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
    ):
        _require_ordinary_tensors()
        yield


def _require_ordinary_tensors() -> None:
    """Refuse modes that cannot be left from inside, such as `torch.func.grad` and fake tensors."""
    remedy = "call it outside of it"
    try:
        probe = torch.empty(0).requires_grad_()
    except RuntimeError as error:
        raise UsageError("images cannot be restored inside a transform of torch.func", remedy) from error
    if type(probe) is not torch.Tensor:
        raise UsageError(f"images cannot be restored in a mode that makes {type(probe).__name__}s", remedy)
