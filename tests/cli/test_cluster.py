"""A batch on a real Dask scheduler: workers that die or have another version, lost schedulers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from PIL import Image

from edlrr_cli import __version__
from edlrr_cli.errors import EXIT_DEVICE, EXIT_FAILURE, EXIT_USAGE

Client = pytest.importorskip("distributed").Client
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

NUM_IMAGES = 8
# Far more than anything here takes: it only ends a test that would never end.
TIMEOUT_S = 120
# In a process of its own, and in one thread as on a worker.
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}

# Loaded by a worker before it takes tasks: it begins one, leaves a file, and never finishes.
HANGING = """
from pathlib import Path
from threading import Event
from edlrr_cli.pipelines import cluster

def hang(*_):
    Path({begun!r}).touch()
    Event().wait()

cluster._run = hang
"""


def start(*arguments, **settings):
    command = [sys.executable, "-m", *map(str, arguments)]
    return subprocess.Popen(command, text=True, **{"env": ONE_THREAD, **settings})


class Cluster:
    """A scheduler and its workers, each a process."""

    def __init__(self, folder):
        self._folder, self.workers = folder, []
        folder.mkdir(exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", self._port)
        wait_for(self._answers)

    def add_worker(self, *options, **settings):
        single = ("--nthreads", 1, "--no-nanny", "--local-directory", self._folder)
        self.workers.append(self._start("worker", self.address, *single, *options, **settings))
        return self.workers[-1]

    def add_hanging_worker(self):
        """Add a worker that never finishes a task, and return the file that it leaves when it begins one."""
        module, begun = self._folder / "hanging.py", self._folder / "begun"
        module.write_text(HANGING.format(begun=str(begun)))
        self.add_worker("--preload", module)
        return begun

    def wait_for_workers(self):
        with Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=TIMEOUT_S)

    def kill(self):
        for process in (self.scheduler, *self.workers):
            process.kill()
            process.wait()

    def _start(self, kind, *arguments, **settings):
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        return start(f"distributed.cli.dask_{kind}", *arguments, "--no-dashboard", **silent, **settings)

    def _answers(self):
        with socket.socket() as ours:
            return ours.connect_ex(("127.0.0.1", self._port)) == 0


def wait_for(happened):
    until = time.monotonic() + TIMEOUT_S
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def empty_cluster(tmp_path):
    made = Cluster(tmp_path / "dask")
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster with one worker."""
    made = Cluster(tmp_path_factory.mktemp("dask"))
    try:
        made.add_worker()
        yield made
    finally:
        made.kill()


@pytest.fixture
def images(tmp_path):
    """Eight images, and a file that is none."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(NUM_IMAGES):
        Image.radial_gradient("L").rotate(7 * number).resize((40, 40)).save(folder / f"{number}.png")
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def denoise(images, out, *more):
    """Start the command."""
    asked = ("edlrr_cli", "denoise", images, "-o", out, "--method", "lrr", "--sigma", 10, "--json", *more)
    return start(
        *asked,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def ended(running):
    stdout, stderr = running.communicate(timeout=TIMEOUT_S)
    assert "Traceback" not in stderr
    return running.returncode, stdout, stderr


def comparable(stdout, out):
    """Return the records by input, without times and output folders."""
    records = [json.loads(line.replace(str(out), "OUT")) for line in stdout.splitlines()]
    return {record["input"]: {**record, "seconds": None} for record in records}


def test_a_killed_worker_costs_nothing(cluster, images, tmp_path):
    out, local = tmp_path / "out", tmp_path / "local"
    begun = cluster.add_hanging_worker()
    cluster.wait_for_workers()
    running = denoise(images, out, "--cluster", cluster.address)
    wait_for(begun.exists)
    assert running.poll() is None
    worker = cluster.workers.pop()
    worker.kill()
    worker.wait()
    code, stdout, stderr = ended(running)
    error, summary = stderr.splitlines()
    assert code == EXIT_FAILURE
    assert error.startswith(f"edlrr: error: {images / 'bad.png'} is not an image of a known kind")
    assert summary.startswith(f"{NUM_IMAGES} done, 1 failed, ")
    code, expected, _ = ended(denoise(images, local, "--jobs", 1))
    assert code == EXIT_FAILURE
    assert comparable(stdout, out) == comparable(expected, local)
    assert {path.name: path.read_bytes() for path in out.glob("*.png")} == {
        path.name: path.read_bytes() for path in local.iterdir()
    }


def test_a_single_image(cluster, images, tmp_path):
    output = tmp_path / "own.png"
    code, stdout, stderr = ended(denoise(images / "0.png", output, "--cluster", cluster.address))
    assert (code, json.loads(stdout)["output"]) == (0, str(output)), stderr


def test_ctrl_c_and_an_existing_output(empty_cluster, images, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "1.png").write_bytes(b"precious")
    begun = empty_cluster.add_hanging_worker()
    empty_cluster.wait_for_workers()
    running = denoise(images, out, "--cluster", empty_cluster.address)
    assert f"output {out / '1.png'} exists already" in json.loads(running.stdout.readline())["error"]
    wait_for(begun.exists)
    running.send_signal(signal.SIGINT)
    code, _, stderr = ended(running)
    assert code in (130, -signal.SIGINT)
    assert "of 9 done, nothing is left half-written; go on with --skip-existing" in stderr
    assert (out / "1.png").read_bytes() == b"precious"


def test_no_worker_one_of_another_version_and_a_lost_scheduler(empty_cluster, images, tmp_path):
    asked = (images, tmp_path / "out", "--cluster", empty_cluster.address)
    other = tmp_path / "other" / "edlrr_cli"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("__version__ = '0.0.0'\n")
    fault = f"this is {__version__}; install the same version for the workers\n"
    no_worker = f"edlrr: {empty_cluster.address} has no workers, waiting for one"

    running = denoise(*asked)
    assert running.stderr.readline().startswith(no_worker)
    worker = empty_cluster.add_worker(cwd=other.parent)
    message = f"edlrr: error: a worker has another edlrr, or none, {fault}"
    assert ended(running)[::2] == (EXIT_DEVICE, message)
    code, _, stderr = ended(denoise(*asked))
    assert (code, stderr.count("\n")) == (EXIT_DEVICE, 1)
    assert f" has edlrr 0.0.0, {fault}" in stderr

    worker.kill()
    running = denoise(*asked)
    assert running.stderr.readline().startswith(no_worker)
    empty_cluster.scheduler.kill()
    code, _, stderr = ended(running)
    assert code == EXIT_FAILURE
    message = "is lost, or has dropped the batch; go on with --skip-existing"
    assert stderr == f"edlrr: error: the scheduler {empty_cluster.address} {message}\n"


def test_no_scheduler(images, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        code, _, stderr = ended(denoise(images, tmp_path / "out", "--cluster", address))
    assert code == EXIT_DEVICE
    assert stderr == f"edlrr: error: no Dask scheduler answers at {address}; start it: dask scheduler\n"


@pytest.mark.parametrize("address", ["host", "http://host:8786", "tcp://host", "tcp://host:port", ""])
def test_an_invalid_address_is_refused(refused, images, address):
    line = refused(EXIT_USAGE, "denoise", images, "--cluster", address)
    assert f"{address!r} is not tcp://HOST:PORT" in line


def test_jobs_and_cluster_exclude_each_other(refused, images):
    line = refused(EXIT_USAGE, "denoise", images, "--cluster", "tcp://host:8786", "--jobs", "2")
    assert "--jobs are of this machine, and --cluster has workers" in line


def test_a_missing_dask_is_named(refused, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    line = refused(EXIT_USAGE, "denoise", images, "--cluster", "tcp://host:8786")
    assert line == "edlrr: error: --cluster needs Dask; pip install 'edlrr[cluster]'\n"
