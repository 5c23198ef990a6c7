"""Calls side by side in threads of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


NAME = "edlrr"
"""What the names of the threads begin with."""


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
    before = torch.get_num_threads()
    executor = ThreadPoolExecutor(
        num_threads, thread_name_prefix=NAME, initializer=partial(torch.set_num_threads, 1)
    )
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
        torch.set_num_threads(before)  # threads that are started later would have one otherwise
