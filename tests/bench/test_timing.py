"""The side-by-side timer, and the measure of memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from edlrr_cli.bench import timing
from edlrr_cli.bench.memory import fresh_process_peak_bytes
from edlrr_cli.bench.timing import Timing, time_side_by_side
from edlrr_cli.errors import EdlrrError

linux = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured on Linux")


@pytest.fixture
def clock(monkeypatch):
    """Let a call take as many seconds as it adds to the list."""
    passed: list[float] = [0.0]
    monkeypatch.setattr(timing.time, "perf_counter", lambda: sum(passed))
    return passed


def test_methods_take_turns_after_a_warm_up(clock):
    calls: list[str] = []

    def method(name: str, seconds: list[float]):
        def call() -> None:
            calls.append(name)
            clock.append(seconds.pop(0))

        return call

    slow, fast = method("slow", [100.0, 4.0, 6.0, 50.0]), method("fast", [50.0, 1.0, 2.0, 10.0])
    timings = time_side_by_side({"slow": slow, "fast": fast}, repeats=3)
    assert calls == ["slow", "fast", "fast", "slow", "slow", "fast", "fast", "slow"]
    assert timings["slow"].seconds == (4.0, 6.0, 50.0)  # the warm-up is not counted
    assert timings["fast"].as_row() == {"seconds": 2.0, "seconds_min": 1.0, "seconds_max": 10.0}
    assert timings["fast"].times_faster_than(timings["slow"]) == 4.0  # of 4, 3, 5; not 6 / 2
    assert timings["slow"].minus(timings["fast"]) == Timing((3.0, 4.0, 40.0))


def test_the_device_is_waited_for_before_the_clock_is_read(clock):
    def synchronize() -> None:
        clock.append(1.0)

    timings = time_side_by_side({"queued": lambda: None}, repeats=1, synchronize=synchronize)
    assert timings["queued"].seconds == (1.0,)


def prepare_allocation(mebibytes: int):
    return lambda: torch.zeros(1), lambda: torch.zeros(mebibytes, 2**18).sum()


@linux
def test_memory_of_a_fresh_process_is_what_the_call_takes(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=":")
    peak = fresh_process_peak_bytes("test_timing:prepare_allocation", {"mebibytes": 64})
    if peak is None:
        pytest.skip("this system does not let a process reset its peak")
    assert 64 * 2**20 <= peak <= 70 * 2**20


def test_a_fault_in_the_fresh_process_is_reported_in_one_line():
    with pytest.raises(EdlrrError, match=r"failed \(AttributeError: module 'json'.*--no-memory"):
        fresh_process_peak_bytes("json:prepare_nothing", {})
