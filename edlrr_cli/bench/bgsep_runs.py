"""What a run of the separation benchmark measures: methods on sequences, then the memory of streaming."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
    methods: Sequence[str] | None,
    num_scored: int,
    with_memory: bool,
    device: str,
) -> Benchmark[Case]:
    """Return the comparison of methods; see `edlrr_cli.bench.bgsep.make_cases`.

    Args:
        with_memory: Also measure the memory of streaming.
    """
    cases = bgsep.make_cases(data, sequences=sequences, methods=methods, num_scored=num_scored, device=device)
    folders = {case.sequence: case.folder for case in cases}
    streaming = bgsep_memory.make_cases(folders, device) if with_memory else []
    return _benchmark(bgsep.NAME, cases, streaming, bgsep.means)


def plan_left_out(
    data: Path, *, sequences: list[str] | None, num_scored: int, device: str
) -> Benchmark[Case]:
    """Return the comparison of constants; see `edlrr_cli.bench.bgsep.left_out_cases`."""
    cases = bgsep.left_out_cases(data, sequences=sequences, num_scored=num_scored, device=device)
    return _benchmark(
        bgsep.LEFT_OUT_NAME, cases, [], lambda rows: [*bgsep.left_out(rows), *bgsep.means(rows)]
    )


def _benchmark(
    name: str,
    cases: Sequence[bgsep.Case],
    streaming: Sequence[bgsep_memory.MemoryCase],
    summary: Callable[[Sequence[Row]], list[Row]],
) -> Benchmark[Case]:
    return Benchmark(
        name,
        {**bgsep.PARAMETERS, **bgsep.describe(cases)},
        [*cases, *streaming],
        same=("num_scored", "device"),
        same_entries={"sequences": "sequence {}", "methods": "setting of {}"},
        summary=summary,
    )


def stages(cases: Sequence[Case]) -> Iterator[Stage]:
    """Yield the comparison of methods and the measurement of memory, each to be run before the next."""
    compared = [case for case in cases if isinstance(case, bgsep.Case)]
    yield Stage("{sequence}: {method}", len(compared), bgsep.run(compared))
    measured = [case for case in cases if isinstance(case, bgsep_memory.MemoryCase)]
    rows = map(bgsep_memory.run_case, measured)
    yield Stage("{sequence}: memory for {num_frames} frames", len(measured), rows)
