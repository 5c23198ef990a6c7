"""Network weights in safetensors files, which contain numbers and never code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edlrr_cli.errors import InputError
from edlrr_cli.media.files import write_atomic

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "edlrr"  # metadata key of the JSON description of the model


@dataclass(frozen=True, eq=False)
class Weights:
    """A model as stored in a file.

    Attributes:
        tensors: Name -> values, float32, finite.
        about: Description of the model; a JSON object.
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def read_weights(path: Path) -> Weights:
    """Read a file of `write_weights`.

    Raises:
        InputError: The file is missing, unreadable, damaged, or was written by another program.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = _content(path)
    try:
        stored = load(content)
        unfit = [name for name, values in stored.items() if not _is_finite(values)]
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, MemoryError) as error:
        fault = next(iter(str(error).splitlines()), type(error).__name__)  # torch adds its call stack
        raise InputError(
            f"{path} is not a safetensors file, or damaged ({fault})", "get or train it again"
        ) from error
    about = _about(path, content)
    if unfit:
        raise InputError(f"{path}: {unfit[0]} contains NaN, Inf or integers", "get or train it again")
    return Weights({name: values.float() for name, values in stored.items()}, about)


def _is_finite(values: Tensor) -> bool:
    """Whether the values are finite floats; 8-bit float types do not support the test themselves."""
    return values.is_floating_point() and bool(values.float().isfinite().all())


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a file of weights", "name one file")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read ({reason})", "check the name and the permissions") from error


def _about(path: Path, content: bytes) -> dict[str, Any]:
    """Return the description; the header is valid, since the tensors were read."""
    header_size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + header_size])
        about = json.loads(header["__metadata__"][_KEY])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} contains no edlrr model", "make one with edlrr train") from error
    if not isinstance(about, dict):
        raise InputError(f"{path} contains no edlrr model", "make one with edlrr train")
    return about


def write_weights(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write a model, atomically; an existing file is replaced.

    Args:
        path: Output file.
        tensors: Name -> values on the CPU, contiguous; not modified.
        about: Description of the model for users; a JSON object.

    Raises:
        OutputError: Writing failed.
    """
    from safetensors.torch import save

    write_atomic(path, save(tensors, metadata={_KEY: json.dumps(about, allow_nan=False)}))
