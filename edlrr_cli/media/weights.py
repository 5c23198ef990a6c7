"""Weights of networks in safetensors files, which hold numbers and never code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edlrr_cli.errors import InputError
from edlrr_cli.media.files import write_atomic

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "edlrr"  # of the metadata, under which all that is known of the model stands as JSON


@dataclass(frozen=True, eq=False)
class Weights:
    """A model as it lies in a file.

    Attributes:
        tensors: Name -> values, float32, finite.
        about: What is known of the model; a JSON object.
    """

    tensors: dict[str, Tensor]
    about: dict[str, Any]


def read_weights(path: Path) -> Weights:
    """Read what `write_weights` wrote.

    Raises:
        InputError: The file is missing, unreadable, damaged, or of another program.
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
            f"{path} is no safetensors file, or damaged ({fault})", "get or train it again"
        ) from error
    about = _about(path, content)
    if unfit:
        raise InputError(f"{path}: {unfit[0]} holds NaN, Inf or integers", "get or train it again")
    return Weights({name: values.float() for name, values in stored.items()}, about)


def _is_finite(values: Tensor) -> bool:
    """Whether these are numbers of single precision; types of 8 bits cannot be asked themselves."""
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
    """Return the metadata; the header was found sound when the tensors were read."""
    header_size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + header_size])
        about = json.loads(header["__metadata__"][_KEY])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path} holds no model of edlrr", "make one with edlrr train") from error
    if not isinstance(about, dict):
        raise InputError(f"{path} holds no model of edlrr", "make one with edlrr train")
    return about


def write_weights(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Write a model, whole or not at all; an existing file is replaced.

    Args:
        path: Where to.
        tensors: Name -> values on the CPU, contiguous; not modified.
        about: What a user must know of the model; a JSON object.

    Raises:
        OutputError: Writing failed.
    """
    from safetensors.torch import save

    write_atomic(path, save(tensors, metadata={_KEY: json.dumps(about, allow_nan=False)}))
