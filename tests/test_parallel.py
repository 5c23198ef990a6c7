"""Cores are counted as they may be used, and the caller's threads are left alone."""

from __future__ import annotations

import os
import threading

import pytest
import torch

from edlrr_cli import cores, parallel


def test_a_quota_of_version_two(tmp_path):
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert cores.cpu_quota(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores.cpu_quota(tmp_path) is None


def test_a_quota_of_version_one(tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    for text, quota in {"300000\n": 3.0, "-1\n": None}.items():
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(text)
        assert cores.cpu_quota(tmp_path) == quota


def test_without_cgroups_there_is_no_quota(tmp_path):
    assert cores.cpu_quota(tmp_path / "missing") is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_cores_are_those_of_the_affinity_and_the_quota(tmp_path, monkeypatch):
    before = os.sched_getaffinity(0)
    monkeypatch.setattr(cores, "_CGROUPS", tmp_path)
    try:
        cores.available_cores.cache_clear()
        assert cores.available_cores() == len(before)
        cores.available_cores.cache_clear()
        (tmp_path / "cpu.max").write_text("50000 100000\n")
        assert cores.available_cores() == 1
        cores.available_cores.cache_clear()
        (tmp_path / "cpu.max").write_text("max 100000\n")
        os.sched_setaffinity(0, {min(before)})
        assert cores.available_cores() == 1
    finally:
        os.sched_setaffinity(0, before)
        cores.available_cores.cache_clear()


@pytest.fixture
def three_threads(two_threads):
    """Allow torch one more; the fixture restores the number before."""
    torch.set_num_threads(3)


def threads_of_new_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def test_short_calls_have_one_thread_each_and_nobody_else(three_threads):
    names = parallel.run_single_threaded(
        [lambda: (torch.get_num_threads(), threading.current_thread().name)] * 4
    )
    assert {count for count, _ in names} == {1}
    assert threading.current_thread().name not in {name for _, name in names}
    assert torch.get_num_threads() == threads_of_new_thread() == 3


def test_short_calls_run_in_a_caller_that_has_one_thread():
    assert torch.get_num_threads() == 1
    assert parallel.run_single_threaded([threading.get_ident]) == [threading.get_ident()]


def test_calls_within_calls_finish_although_every_worker_waits(three_threads):
    def outer(number):
        return sum(parallel.run_single_threaded([lambda i=i: number * i for i in range(4)]))

    results = parallel.run_single_threaded([lambda n=n: outer(n) for n in range(20)])
    assert results == [6 * n for n in range(20)]


def test_an_error_of_a_short_call_reaches_the_caller(three_threads):
    def fail():
        raise IndexError("of the call")

    for calls in ([fail], [fail, int, int], [lambda: parallel.run_single_threaded([int, fail])]):
        with pytest.raises(IndexError, match="of the call"):
            parallel.run_single_threaded(calls)


def test_mapped_calls_have_one_thread_each_and_nobody_else(three_threads):
    counts = list(parallel.map_in_threads(lambda _: torch.get_num_threads(), range(5), num_threads=2))
    assert counts == [1] * 5
    assert torch.get_num_threads() == threads_of_new_thread() == 3


def test_workers_are_no_more_than_cores_or_threads(three_threads, monkeypatch):
    monkeypatch.setattr(parallel, "available_cores", lambda: 2)
    assert parallel.num_workers() == 2
    torch.set_num_threads(1)
    assert parallel.num_workers() == 1
