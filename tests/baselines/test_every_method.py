"""The battery that every method passes, whatever it does."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

from edlrr_cli.baselines import untouched
from edlrr_cli.baselines.registry import METHOD_NAMES, METHODS, default_params, param_types, run, solver
from edlrr_cli.errors import NumericsError, UsageError

# Methods that return the known pixels as they came; all others re-approximate them.
KEEPS_KNOWN = {
    "untouched",
    "edlrr-released",
    "biharmonic",
    "telea",
    "navier-stokes",
    "fsr",
    "tv",
    "fgsr-two-thirds",
    "fgsr-half",
}


@pytest.fixture(params=METHOD_NAMES)
def name(request):
    if not METHODS[request.param].installed:
        pytest.skip(f"needs {METHODS[request.param].requires}")
    return request.param


def few(name, count=5):
    """A handful of iterations, for methods that iterate."""
    return {"max_iterations": count} if "max_iterations" in default_params(name) else {}


@pytest.mark.parametrize("channels", [1, 3])
def test_returns_a_finite_image_and_leaves_the_input_alone(name, channels, sample, hole, complete):
    image, known = sample(20, 26, channels), hole(20, 26)
    given = image.copy(), known.copy()
    result = complete(name, image, known, **few(name))
    assert result.raw.shape == image.shape
    assert result.raw.dtype == np.float64
    assert np.isfinite(result.raw).all()
    assert (image == given[0]).all()
    assert (known == given[1]).all()
    restored = result.restored(image, known)
    assert (restored[known] == image[known]).all()
    assert restored.min() >= 0
    assert restored.max() <= 1


def test_does_not_look_into_the_holes(name, sample, hole, complete):
    image, known = sample(20, 26), hole(20, 26)
    poisoned = np.where(known[..., None], image, np.nan)
    ours, theirs = (complete(name, pixels, known, **few(name)).raw for pixels in (image, poisoned))
    assert (ours == theirs).all()


def test_known_pixels_are_kept_where_it_is_said(name, sample, hole, complete):
    image, known = np.rint(sample(20, 26) * 255) / 255, hole(20, 26)
    raw = complete(name, image, known, **few(name)).raw
    kept = np.abs(raw - image)[known].max() < 1e-12
    assert kept == (name in KEEPS_KNOWN)


def test_history_and_callback_tell_every_step(name, sample, hole, complete):
    reported = []
    image, known = sample(20, 26), hole(20, 26)
    result = complete(name, image, known, callback=reported.append, **few(name))
    assert len(result.history) == len(reported) == result.iterations
    assert [step for step, _ in result.history] == list(range(1, result.iterations + 1))
    assert (result.stop == "direct") == (result.iterations == 0)
    assert result.stop in ("tolerance", "iterations", "direct")


def test_float32_is_close_to_float64(name, sample, hole, complete):
    image, known = sample(20, 26), hole(20, 26)
    wide, narrow = (
        complete(name, image, known, dtype=dtype, **few(name)).raw for dtype in (torch.float64, torch.float32)
    )
    assert np.abs(wide - narrow).max() < 1e-3


@pytest.mark.cuda
def test_cuda_agrees_with_the_cpu(name, sample, hole, complete):
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    image, known = sample(20, 26), hole(20, 26)
    here, there = (
        complete(name, image, known, device=torch.device(device), **few(name)).raw
        for device in ("cpu", "cuda")
    )
    assert np.abs(here - there).max() < 1e-6


def test_parameters_are_keyword_only_typed_and_grids_name_them(name):
    parameters = inspect.signature(solver(name)).parameters
    kinds = {parameters[key].kind for key in default_params(name)}
    assert kinds <= {inspect.Parameter.KEYWORD_ONLY}
    assert set(METHODS[name].grid) <= set(default_params(name))
    assert set(param_types(name)) == set(default_params(name))
    source = inspect.getdoc(solver(name)) or ""
    assert "Source: " in source or name == "untouched"


def test_refuses_unknown_names(sample, hole):
    image, known = sample(8, 8), hole(8, 8)
    settings = {"device": torch.device("cpu"), "dtype": torch.float64}
    with pytest.raises(UsageError, match="unknown method 'irn'; did you mean 'irnn'"):
        run("irn", image, known, **settings)
    with pytest.raises(UsageError, match="unknown parameter 'grwoth'; did you mean 'growth'"):
        run("nuclear-admm", image, known, **settings, grwoth=2)


@pytest.fixture
def failing(sample, hole, complete, monkeypatch):
    """Run a method that raises what it is given."""

    def start(error):
        def fail(image, known, *, device, dtype, callback=None):
            raise error

        monkeypatch.setattr(untouched, "untouched", fail)
        complete("untouched", sample(8, 8), hole(8, 8))

    return start


@pytest.mark.parametrize("kind", [torch.linalg.LinAlgError, np.linalg.LinAlgError, ZeroDivisionError])
def test_a_breakdown_is_reported_in_one_line(failing, kind):
    with pytest.raises(NumericsError) as caught:
        failing(kind("singular"))
    assert str(caught.value) == "method untouched failed (singular); change its parameters"


@pytest.mark.parametrize(
    "error", [NumericsError("X became NaN", "lower the rate"), RuntimeError("no memory")]
)
def test_what_speaks_for_itself_or_is_no_breakdown_is_left_alone(failing, error):
    with pytest.raises(type(error)) as caught:
        failing(error)
    assert caught.value is error


def test_tells_what_is_installed():
    def requiring(module):
        return replace(METHODS["fsr"], requires=module).installed

    assert requiring(None)
    assert requiring("json.decoder")
    assert not requiring("json.no_such_module")
    assert not requiring("no_such_package.module")
