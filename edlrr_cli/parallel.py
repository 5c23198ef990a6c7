"""Parallel calls with one torch thread each, so that no thread spins while it waits for another."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import TypeVar

import torch

from edlrr_cli.cores import available_cores

T = TypeVar("T")
R = TypeVar("R")

NAME = "edlrr"
"""Prefix of the names of the threads of `map_in_threads`."""

_lock, _starting = threading.Lock(), threading.Lock()
_allowed = threading.local()
_pool: ThreadPoolExecutor | None = None


def num_workers() -> int:
    """Return the number of parallel calls: the threads that the caller allows torch, at most the cores."""
    allowed: int | None = getattr(_allowed, "num_workers", None)
    return min(torch.get_num_threads(), available_cores()) if allowed is None else allowed


@contextmanager
def single_threaded_calls() -> Iterator[None]:
    """Limit torch to one thread in this thread; `num_workers` calls can still run in other threads."""
    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    _allowed.num_workers = num_workers()
    _limit_to_one()
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _allowed.num_workers = None


def run_single_threaded(calls: Sequence[Callable[[], R]]) -> list[R]:
    """Run short calls in parallel, each with one torch thread, and return their results in order.

    The settings of the calling thread do not change. If they limit torch to one thread, the calling thread
    takes part. Calls can run further calls in parallel.

    Args:
        calls: Functions without arguments that do not depend on the caller's thread-local state, such as its
            grad mode.
    """
    allowed, takes_part = num_workers(), torch.get_num_threads() == 1
    width = min(allowed, len(calls))
    if takes_part and width <= 1:
        return [call() for call in calls]
    waiting: SimpleQueue[int] = SimpleQueue()
    results: dict[int, R] = {}
    for number in range(len(calls)):
        waiting.put(number)

    def run_waiting() -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            results[number] = calls[number]()

    num_helpers = width - 1 if takes_part else width
    helpers = [_short_calls().submit(_with_workers, allowed, run_waiting) for _ in range(num_helpers)]
    try:
        if takes_part:
            run_waiting()
    finally:
        for helper in helpers:
            if not (takes_part and helper.cancel()):  # a helper that has not started has nothing left to do
                helper.result()
    return [results[number] for number in range(len(calls))]


def _with_workers(number: int, call: Callable[[], None]) -> None:
    """Allow the parallel calls of a call a number of threads."""
    _allowed.num_workers = number
    call()


def _short_calls() -> ThreadPoolExecutor:
    """Return the pool of this process, which is created once."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(available_cores(), "lowrank", _limit_to_one)
            barrier = threading.Barrier(available_cores())  # starts all threads now, none during later calls
            list(_pool.map(lambda _: barrier.wait(), range(available_cores())))
        return _pool


def _forget_pool() -> None:
    """Reset the state in a forked process, which has none of the threads."""
    global _pool, _lock, _starting
    _pool, _lock, _starting = None, threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _limit_to_one() -> None:
    """Limit torch to one thread in the current thread only."""
    with _starting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        # This also changes the default of new threads; a thread that ends immediately restores it.
        restoring = Thread(target=torch.set_num_threads, args=(before,))
        restoring.start()
        restoring.join()


def map_in_threads(
    call: Callable[[T], R], items: Sequence[T], *, num_threads: int, stop: Event | None = None
) -> Iterator[R]:
    """Yield the result of a call for each item, in order.

    Threads within a small matrix product are mostly idle, so each call has one thread.

    Args:
        call: Function that is run in another thread if ``num_threads`` exceeds 1.
        items: Arguments of the calls.
        num_threads: Number of parallel calls.
        stop: Set when the caller ends or a call fails, before waiting for the running calls. After Ctrl-C
            they are not awaited.
    """
    if num_threads == 1:
        yield from map(call, items)
        return
    executor = ThreadPoolExecutor(num_threads, NAME, _limit_to_one)
    waits = True
    try:
        yield from executor.map(call, items)
    except KeyboardInterrupt:
        waits = False
        raise
    finally:
        if stop is not None:
            stop.set()
        executor.shutdown(wait=waits, cancel_futures=True)
