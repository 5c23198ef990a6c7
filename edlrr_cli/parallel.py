"""Work spread over the cores, one torch thread per call, so that no thread waits for another by spinning."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
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
    """Return how many calls may run at a time: what the caller allows torch, at most the cores."""
    allowed: int | None = getattr(_allowed, "num_workers", None)
    return min(torch.get_num_threads(), available_cores()) if allowed is None else allowed


@contextmanager
def single_threaded_calls() -> Iterator[None]:
    """Limit torch to one thread in this thread; `num_workers` calls may still run in others."""
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
    """Run short calls on the cores, each with one torch thread, and return their results in order.

    The settings of the calling thread stay as they are. Where they allow one thread, the calls run in it.

    Args:
        calls: Functions without arguments, that need none of the caller's thread-local state, such as its
            grad mode.
    """
    if torch.get_num_threads() == num_workers() == 1:
        return [call() for call in calls]
    return list(_short_calls().map(lambda call: call(), calls))


def _short_calls() -> ThreadPoolExecutor:
    """Return the pool of this process, which is started once."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(available_cores(), "lowrank", _limit_to_one)
            everyone = threading.Barrier(available_cores())  # no thread starts later, beside the caller's
            list(_pool.map(lambda _: everyone.wait(), range(available_cores())))
        return _pool


def _forget_pool() -> None:
    """Start anew in a forked process, which has none of the threads."""
    global _pool, _lock, _starting
    _pool, _lock, _starting = None, threading.Lock(), threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def _limit_to_one() -> None:
    """Limit torch to one thread in the current thread, and nowhere else."""
    with _starting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        # That is also the default of threads to come; one that ends at once restores it.
        restoring = Thread(target=torch.set_num_threads, args=(before,))
        restoring.start()
        restoring.join()


def map_in_threads(
    call: Callable[[T], R], items: Sequence[T], *, num_threads: int, stop: Event | None = None
) -> Iterator[R]:
    """Yield what a call returns for each item, in their order.

    Many small products leave most threads within a product idle, so each call has one thread.

    Args:
        call: Is run in another thread if there are several.
        items: Its arguments.
        num_threads: Calls at a time.
        stop: Set before the calls at work are waited for, when the caller ends or one of them fails. After
            Ctrl-C nobody waits for them.
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
