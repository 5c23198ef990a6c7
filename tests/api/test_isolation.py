"""The caller's state does not reach the library, and the library leaves it as it was."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import edlrr_cli
from edlrr_cli.errors import UsageError
from edlrr_cli.pipelines.denoisers import load_denoiser

ROWS, COLUMNS = np.mgrid[:24, :20] / 24
HOLE = np.zeros((24, 20), bool)
HOLE[8:12, 6:11] = True
IMAGE = np.where(HOLE[..., None], 0.0, np.stack([ROWS, COLUMNS, ROWS * COLUMNS], axis=-1))

CALLS = {
    "inpaint": lambda: edlrr_cli.inpaint(IMAGE, HOLE, steps=3),
    "inpaint network": lambda: edlrr_cli.inpaint(IMAGE, HOLE, prior="network", steps=3),
    "inpaint noisy": lambda: edlrr_cli.inpaint(IMAGE, HOLE, prior="local", noise=0.05, steps=3),
    "inpaint probes": lambda: edlrr_cli.inpaint(IMAGE, HOLE, prior="global", probes=2, noise=0.05, steps=3),
    "inpaint_lowrank": lambda: edlrr_cli.inpaint_lowrank(IMAGE[..., 0], HOLE, prior="global", steps=3),
    "denoise": lambda: edlrr_cli.denoise(IMAGE),
    "denoise lrr": lambda: edlrr_cli.denoise(IMAGE[..., 0], method="lrr", sigma=0.1),
}


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def deterministic():
    """Also fills memory that was not initialized with NaN."""
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


STATES = {
    "no_grad": torch.no_grad,
    "inference mode": torch.inference_mode,
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "default device": lambda: default_device("meta"),
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "errstate": lambda: np.errstate(all="raise"),
    "deterministic": deterministic,
}


def snapshot():
    """Return all that a caller could find changed."""
    return {
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": [torch.is_autocast_enabled(kind) for kind in ("cpu", "cuda")],
        "dtype": torch.get_default_dtype(),
        "device": torch.get_default_device(),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "torch random": torch.get_rng_state().tolist(),
        "numpy random": str(np.random.get_state()),
        "random": random.getstate(),
        "errstate": np.geterr(),
    }


@pytest.fixture(scope="module")
def expected():
    return {name: call() for name, call in CALLS.items()}


@pytest.fixture(autouse=True)
def first_call():
    """Each test is the first that reads the network, inside of the state that it is about."""
    load_denoiser.cache_clear()


@pytest.mark.parametrize("state", STATES)
def test_results_do_not_depend_on_the_callers_state(expected, state):
    with STATES[state]():
        before = snapshot()
        inside = {name: call() for name, call in CALLS.items()}
        assert snapshot() == before
    for name in CALLS:
        assert np.array_equal(inside[name], expected[name]), name
    assert np.array_equal(CALLS["denoise"](), expected["denoise"])  # by the network that was read inside


def test_the_first_import_may_happen_in_any_state(expected, tmp_path):
    script = """
import sys
import numpy as np, torch
image, hole = np.load(sys.argv[1]).values()
random_state = torch.get_rng_state()
torch.set_default_device("meta")
torch.set_default_dtype(torch.float64)
with torch.inference_mode(), np.errstate(all="raise"):
    import edlrr_cli
    results = edlrr_cli.inpaint(image, hole, prior="network", steps=3), edlrr_cli.denoise(image)
torch.set_default_device(None)
assert torch.equal(torch.get_rng_state(), random_state)
np.savez(sys.argv[2], *results)
"""
    given, found = tmp_path / "given.npz", tmp_path / "found.npz"
    np.savez(given, IMAGE, HOLE)
    subprocess.run([sys.executable, "-W", "error", "-c", script, given, found], check=True, timeout=120)
    for name, result in zip(("inpaint network", "denoise"), np.load(found).values(), strict=True):
        assert np.allclose(result, expected[name], atol=1e-6), name


def test_the_random_state_of_the_caller_does_not_move():
    before = snapshot()
    edlrr_cli.denoise(IMAGE)
    edlrr_cli.inpaint(IMAGE, HOLE, prior="global", probes=2, steps=2)
    assert snapshot() == before


def test_inside_of_a_backward_hook(expected):
    x, results = torch.ones(1, requires_grad=True), []
    x.register_hook(lambda gradient: results.append(CALLS["inpaint"]()))
    (2 * x).sum().backward()
    assert np.array_equal(results[0], expected["inpaint"])
    assert x.grad == 2


def test_the_result_is_no_inference_tensor():
    with torch.inference_mode():
        image, hole = torch.from_numpy(IMAGE[..., 0]).clone(), torch.from_numpy(HOLE).clone()
        results = [edlrr_cli.inpaint(image, hole, prior="global", steps=3), edlrr_cli.denoise(image)]
    later = edlrr_cli.inpaint(image, hole, prior="global", steps=3)
    assert image.is_inference()
    assert not any(result.is_inference() for result in results)
    assert torch.equal(later, results[0])


def test_callers_in_several_threads_each_with_its_own_state(expected):
    states = ["no_grad", "inference mode", "autocast", "default device"]
    start = threading.Barrier(len(states))

    def work(state):
        with STATES[state]():
            before = {**snapshot(), "dtype": torch.float64}
            start.wait(timeout=300)
            results = {name: CALLS[name]() for name in ("inpaint network", "denoise")}
            assert snapshot() == before
        return results

    with default_dtype(torch.float64), ThreadPoolExecutor(len(states)) as executor:
        for results in executor.map(work, states):
            for name, result in results.items():
                assert np.array_equal(result, expected[name]), name


class _Copying(TorchDispatchMode):
    """Counts operators, as profilers do."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        return func(*args, **(kwargs or {}))


def test_a_mode_that_observes_may_observe(expected):
    with _Copying() as mode:
        assert np.array_equal(CALLS["denoise"](), expected["denoise"])
    assert mode.count > 0


def test_a_compiler_does_not_look_inside(expected):
    compiled = torch.compile(lambda X: 1 * edlrr_cli.denoise(X, sigma=0.1), backend="eager")
    image = torch.from_numpy(IMAGE[..., 0])
    assert torch.equal(compiled(image), edlrr_cli.denoise(image, sigma=0.1))


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_where_there_are_no_values_one_line_says_so():
    from torch._subclasses import FakeTensorMode

    image = torch.from_numpy(IMAGE[..., 0])
    with pytest.raises(UsageError, match="inside a transform of torch"):
        torch.func.grad(lambda X: edlrr_cli.denoise(X).sum())(image)
    with pytest.raises(UsageError, match="which would record a constant"):
        torch.jit.trace(edlrr_cli.denoise, image)
    with FakeTensorMode(), pytest.raises(UsageError, match="a mode that makes FakeTensors; call it outside"):
        CALLS["inpaint"]()


def test_a_copy_on_another_device_leaves_the_network_in_place():
    denoiser = load_denoiser()
    elsewhere = denoiser.to(torch.device("meta"))
    assert {value.device.type for value in elsewhere.network.state_dict().values()} == {"meta"}
    assert {value.device.type for value in denoiser.network.state_dict().values()} == {"cpu"}
    assert denoiser.to(torch.device("cpu")) is denoiser
