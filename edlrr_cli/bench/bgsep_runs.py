"""What a run of the separation benchmark measures: methods on sequences, then the memory of streaming."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edlrr_cli.bench import bgsep, bgsep_memory
from edlrr_cli.bench.record import Row
from edlrr_cli.bench.results_file import Benchmark
from edlrr_cli.bench.runner import Case


@dataclass(frozen=True)
class Stage:
    """Cases of one kind.

    Attributes:
        title: What is shown of a row: a format of its columns.
        rows: Runs the cases, one at a time.
    """

    title: str
    num_rows: int
    rows: Iterator[Row]


def missing_methods() -> list[str]:
    """Return the names of the methods whose library is not installed."""
    here = bgsep.methods_here()
    return [name for name in bgsep.METHODS if name not in here]


def plan(
    data: Path,
    *,
    sequences: list[str] | None,
    methods: list[str] | None,
    num_scored: int,
    leave_one_out: bool,
    with_memory: bool,
    device: str,
) -> Benchmark[Case]:
    """Return what the results file of a run is about; see `edlrr_cli.bench.bgsep.make_cases`.

    Args:
        leave_one_out: Compare constants instead of methods; see `edlrr_cli.bench.bgsep.left_out_cases`.
        with_memory: Also measure the memory of streaming, unless constants are compared.
    """
    if leave_one_out:
        cases = bgsep.left_out_cases(data, sequences=sequences, num_scored=num_scored, device=device)
    else:
        cases = bgsep.make_cases(
            data, sequences=sequences, methods=methods, num_scored=num_scored, device=device
        )
    folders = {case.sequence: case.folder for case in cases}
    streaming = bgsep_memory.make_cases(folders, device) if with_memory and not leave_one_out else []
    return Benchmark(
        bgsep.LEFT_OUT_NAME if leave_one_out else bgsep.NAME,
        {**bgsep.PARAMETERS, **bgsep.describe(cases)},
        [*cases, *streaming],
        same=("num_scored", "device"),
        same_entries={"sequences": "sequence {}", "methods": "setting of {}"},
        summary=lambda rows: [*(bgsep.left_out(rows) if leave_one_out else ()), *bgsep.means(rows)],
    )


def stages(cases: Sequence[Case]) -> Iterator[Stage]:
    """Yield the comparison of methods and the measurement of memory, each to be run before the next."""
    compared = [case for case in cases if isinstance(case, bgsep.Case)]
    yield Stage("{sequence}: {method}", len(compared), bgsep.run(compared))
    measured = [case for case in cases if isinstance(case, bgsep_memory.MemoryCase)]
    rows = map(bgsep_memory.run_case, measured)
    yield Stage("{sequence}: memory for {num_frames} frames", len(measured), rows)
