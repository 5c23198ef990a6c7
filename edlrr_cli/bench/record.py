"""The record of a benchmark as strict JSON: parameters, machine, and results."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import edlrr_cli
from edlrr_cli.errors import InputError

Row = dict[str, Any]
Record = dict[str, Any]

#: The keys of every record, and of its ``machine``.
KEYS = ("benchmark", "command", "version", "commit", "created", "machine", "parameters", "rows")
MACHINE_KEYS = ("processor", "num_threads", "device", "torch", "python")


def make_record(
    benchmark: str, *, command: str, device: str, parameters: Mapping[str, Any], rows: Sequence[Row]
) -> Record:
    """Return the record of a run: its results with all that is needed to reproduce them."""
    from edlrr_cli.tasks.machine import machine

    return {
        "benchmark": benchmark,
        "command": command,
        "version": edlrr_cli.__version__,
        "commit": commit(Path(edlrr_cli.__file__).parent.parent),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(device),
        "parameters": dict(parameters),
        "rows": list(rows),
    }


def commit(checkout: Path) -> str | None:
    """Return the commit of a checkout, with ``+dirty`` if tracked files differ; None if it is no checkout."""
    if not (checkout / ".git").exists():
        return None
    try:
        revision = _git(checkout, "rev-parse", "HEAD")
        changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{revision}+dirty" if changes else revision


def _git(checkout: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", "-C", str(checkout), *arguments], capture_output=True, text=True, check=True
    )
    return ended.stdout.strip()


def encode(record: Record) -> bytes:
    """Encode a record as strict JSON; numbers that are not finite become null."""
    text = json.dumps(_finite(record), allow_nan=False, ensure_ascii=False, indent=1)
    return f"{text}\n".encode()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_record(path: Path) -> Record:
    """Read a record written by `encode`.

    Raises:
        InputError: The file is missing, not strict JSON, or not the record of a benchmark.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=_reject_constant)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})", "check the name") from error
    except (ValueError, RecursionError) as error:  # JSONDecodeError, UnicodeDecodeError
        raise InputError(f"{path} is not strict JSON ({error})", "make it with edlrr bench") from error
    missing = [key for key in KEYS if not isinstance(record, dict) or key not in record]
    if missing:
        raise InputError(f"{path} is no benchmark record: no {missing[0]!r}", "make it with edlrr bench")
    return dict(record)


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
