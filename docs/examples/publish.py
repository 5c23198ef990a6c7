"""Print the table of a comparison, and write its record, with the command, the commit and the machine."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edlrr_cli.bench.record import Row, encode, make_record
from edlrr_cli.bench.report import blocks


def publish(name: str, parameters: Mapping[str, Any], rows: Sequence[Row], output: Path | None) -> None:
    """Print the table of a comparison; write its numbers as JSON if an output is given."""
    command = shlex.join(["python", *sys.argv])
    record = make_record(name, command=command, device="cpu", parameters=parameters, rows=rows)
    print(blocks(record)[""])
    if output:
        output.write_bytes(encode(record))
