"""Tasks on the workers of a Dask scheduler, which read and write the same files as this machine."""

from __future__ import annotations

import logging
import os
import pickle
import pkgutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from edlrr_cli import __version__
from edlrr_cli.errors import DeviceError, EdlrrError, UsageError
from edlrr_cli.pipelines.executors import THREAD_VARIABLES, Executor
from edlrr_cli.pipelines.logs import configure_logging, current_level

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

_CONNECT_S = 5
_PATIENCE_S = 5
# Of a task that could not be begun; how often one goes on after its worker died, the scheduler decides.
_RETRIES = 2


def require_dask() -> None:
    """Refuse a cluster if the library for it is not installed.

    Raises:
        UsageError: It is not installed.
    """
    if find_spec("distributed") is None:
        raise UsageError("--cluster needs Dask", "pip install 'edlrr[cluster]'")


@dataclass(frozen=True)
class DaskExecutor(Executor):
    """Runs tasks on the workers of a Dask scheduler, one at a time on each.

    A task whose worker dies is started again on another, and so may find files of its first attempt;
    `EdlrrError` is its outcome if each worker that took it died.

    Attributes:
        address: The scheduler, such as ``tcp://host:8786``.
    """

    address: str
    notify: Callable[[str], object]

    def run(self, call: Callable[[T], R], tasks: Sequence[T]) -> Iterator[tuple[T, R | Exception]]:
        """See `Executor.run`; all paths of the tasks must be absolute.

        Raises:
            DeviceError: There is no scheduler, or a worker has no program of this version.
            EdlrrError: The scheduler is lost.
        """
        with _connected(self.address) as client:
            _require_this_version(client)
            left = {
                client.submit(
                    pickle.loads, pickle.dumps(_Running(call, task)), pure=False, retries=_RETRIES
                ): task
                for task in tasks
            }
            done: SimpleQueue[Future[R]] = SimpleQueue()
            for future in left:
                future.add_done_callback(done.put)
            while left:
                future = _next(done, client, self.address, self.notify)
                yield left.pop(future), _outcome(future, self.address)


@dataclass(frozen=True)
class _Running:
    """A task that runs when it is unpickled.

    Workers run ``pickle.loads`` only: a function that a worker cannot import would end it.
    """

    call: Callable[..., object]
    task: object

    def __reduce__(self) -> tuple[object, ...]:
        return _run, (__version__, current_level(), pickle.dumps((self.call, self.task)))


def _run(version: str, log_level: str, pickled: bytes) -> object:
    """Run a task on a worker, in one thread as in the processes of a batch on one machine."""
    if version != __version__:
        raise ImportError(f"edlrr {version}")
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    import torch

    torch.set_num_threads(1)
    configure_logging(log_level)
    call, task = pickle.loads(pickled)
    outcome: object = call(task)
    return outcome


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect to a scheduler; when the connection ends, it drops the tasks that have not begun."""
    from distributed import Client

    for name in ("distributed", "distributed.client"):  # what matters is reported in one line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other versions of libraries than the workers'
            client = Client(address, timeout=_CONNECT_S, set_as_default=False)
    except OSError as error:
        raise DeviceError(f"no Dask scheduler answers at {address}", "start it: dask scheduler") from error
    try:
        yield client
    except OSError as error:
        raise _lost(address) from error
    finally:
        with suppress(Exception):
            client.close(timeout=_CONNECT_S)


def _require_this_version(client: Client) -> None:
    found = client.run(pkgutil.resolve_name, "edlrr_cli:__version__", on_error="return")
    for worker, version in found.items():
        if version != __version__:
            has = f"edlrr {version}" if isinstance(version, str) else "no edlrr"
            raise _unfit(f"worker {worker} has {has}")


def _unfit(fault: str) -> DeviceError:
    return DeviceError(f"{fault}, this is {__version__}", "install the same version for the workers")


def _lost(address: str) -> EdlrrError:
    return EdlrrError(
        f"the scheduler {address} is lost, or has dropped the batch", "go on with --skip-existing"
    )


def _next(
    done: SimpleQueue[Future[R]], client: Client, address: str, notify: Callable[[str], object]
) -> Future[R]:
    """Wait for a task to end, and notify once if there is no worker."""
    notified = False
    while True:
        with suppress(Empty):
            return done.get(timeout=_PATIENCE_S)
        if not notified and client.status == "running" and not client.nthreads():
            notify(f"{address} has no workers, waiting for one; start it: dask worker {address} --nthreads 1")
            notified = True


def _outcome(future: Future[R], address: str) -> R | Exception:
    """Return what a task returned or raised."""
    from distributed import CancelledError, KilledWorker

    try:
        result: R = future.result()
        return result
    except CancelledError as error:
        raise _lost(address) from error
    except KilledWorker:
        return EdlrrError("each worker that took it died", "give the workers more memory, or see their logs")
    except (ImportError, AttributeError) as error:  # where it was unpickled; those of the call are records
        raise _unfit("a worker has another edlrr, or none") from error
    except Exception as error:
        return error
