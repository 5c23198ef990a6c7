"""Isolation of the library's computations from the state of the caller's thread."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import numpy as np
import torch

from edlrr_cli.errors import UsageError

_Function = TypeVar("_Function", bound=Callable[..., Any])


def isolated(function: _Function) -> _Function:
    """Decorate a public function, so that it neither depends on its caller's state nor changes it.

    Inside, gradients are recorded, inference mode and autocast are off, new tensors are on the CPU, and
    NumPy handles floating-point errors as by default. A compiler of the caller does not look inside.

    Each of these states belongs to one thread, so callers in several threads do not disturb each other, and
    threads that are started inside begin with the defaults. What belongs to the whole process (the default
    dtype, the global random generators) could not be set without changing it for the caller's other threads:
    the code that runs inside names its dtypes and its generators instead.

    Args:
        function: Called with the caller's arguments. It raises `UsageError` where a function transform or a
            mode of the caller does not allow ordinary tensors.
    """

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return torch.compiler.disable(call)(*args, **kwargs)  # type: ignore[no-untyped-call]
        with _default_state():
            _require_ordinary_tensors()
            return function(*args, **kwargs)

    return cast(_Function, call)


@contextmanager
def _default_state() -> Iterator[None]:
    with (
        torch.inference_mode(False),
        torch.enable_grad(),
        torch.autocast("cpu", enabled=False),
        torch.autocast("cuda", enabled=False),
        torch.device("cpu"),
        np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"),
    ):
        yield


def _require_ordinary_tensors() -> None:
    """Refuse what cannot be left from inside, such as `torch.func.grad` and fake tensors."""
    message, remedy = "images cannot be restored inside", "call it outside"
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        raise UsageError(f"{message} torch.jit.trace, which would record a constant", remedy)
    try:
        probe = torch.empty(0).requires_grad_()
    except RuntimeError as error:
        raise UsageError(f"{message} a transform of torch.func", remedy) from error
    if type(probe) is not torch.Tensor:
        raise UsageError(f"{message} a mode that makes {type(probe).__name__}s", remedy)
