"""Time of the penalty and its gradient while other processes compute the same, compared with an SVD."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import product
from subprocess import PIPE, Popen

from edlrr_cli.bench.record import Row
from edlrr_cli.bench.timing import Timing
from edlrr_cli.errors import EdlrrError

NAME = "busy"
NUM_PROCESSES = (1, 4)
THREADS = ("default", "1")

PARAMETERS = {
    "matrix": "3 x 300 x 300, Gaussian, float32",
    "threads": "OMP_NUM_THREADS of each process; default: not set",
    "seconds": "of one value with its gradient, in the slowest process; median, least and most of the rounds",
}

_METHODS = {
    "lowrank_penalty": "from edlrr_cli import lowrank_penalty as penalty",
    "torch.linalg.svdvals": "penalty = lambda S: torch.linalg.svdvals(S).sum(-1)",
}
_CODE = """
import sys, time, torch
{method}
S = torch.randn(3, 300, 300, generator=torch.Generator().manual_seed(0)).requires_grad_()
def evaluate():
    S.grad = None
    penalty(S).sum().backward()
evaluate()
print("ready", flush=True)
sys.stdin.readline()
started = time.perf_counter()
for _ in range({num_evaluations}):
    evaluate()
print((time.perf_counter() - started) / {num_evaluations}, flush=True)
"""


def run(*, num_evaluations: int, repeats: int, progress: Callable[[str], None]) -> list[Row]:
    """Time each method in one process and in several concurrent ones, with the default and with 1 thread.

    Raises:
        EdlrrError: A process failed.
    """
    cases = list(product(_METHODS, NUM_PROCESSES, THREADS))
    seconds: dict[tuple[str, int, str], list[float]] = {case: [] for case in cases}
    for _ in range(repeats):
        for case in cases:
            method, num_processes, threads = case
            progress(f"{method}, {num_processes} processes, {threads} threads")
            seconds[case].append(max(_concurrent(method, num_processes, threads, num_evaluations)))
    timings = {case: Timing(tuple(values)) for case, values in seconds.items()}
    return [
        {
            "method": method,
            "processes": count,
            "threads": threads,
            **timings[method, count, threads].as_row(),
            "ratio": timings[method, count, "1"].times_faster_than(timings[method, count, threads]),
        }
        for method, count, threads in cases
    ]


def _concurrent(method: str, num_processes: int, threads: str, num_evaluations: int) -> list[float]:
    """Return the seconds per evaluation in each of several processes that start simultaneously."""
    inherited = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    environment = inherited if threads == "default" else {**inherited, "OMP_NUM_THREADS": threads}
    code = _CODE.format(method=_METHODS[method], num_evaluations=num_evaluations)
    processes = [
        Popen([sys.executable, "-c", code], stdin=PIPE, stdout=PIPE, env=environment, text=True)
        for _ in range(num_processes)
    ]
    try:
        for process in processes:
            _next_line(process)
        for process in processes:
            process.stdin.write("start\n")  # type: ignore[union-attr]  # it is a pipe
            process.stdin.flush()  # type: ignore[union-attr]
        return [float(_next_line(process)) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _next_line(process: Popen[str]) -> str:
    line: str = process.stdout.readline()  # type: ignore[union-attr]  # it is a pipe
    if not line:
        raise EdlrrError(f"a measured process ended with code {process.wait()}", "see its output on stderr")
    return line
