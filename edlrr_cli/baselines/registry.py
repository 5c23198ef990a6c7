"""Registry of all methods, importable without torch; the source of every choice, list and table row."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, get_type_hints

from edlrr_cli.errors import NumericsError, UsageError
from edlrr_cli.lrr.names import nearest

if TYPE_CHECKING:
    import torch

    from edlrr_cli.baselines.result import Bools, Callback, Pixels, Result

Params = dict[str, Any]

_GIVEN = ("device", "dtype", "callback")


@dataclass(frozen=True)
class Method:
    """A registered method.

    Attributes:
        module: Module of this package that holds its function, which has the name of the method.
        grid: The one or two parameters to tune on held-out pixels, each with its candidates.
        printed: Corresponding column of the paper's Table 1; None for a control.
        requires: Required module that is not a dependency of the package.
    """

    module: str
    title: str
    source: str
    grid: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    printed: str | None = None
    requires: str | None = None

    @property
    def installed(self) -> bool:
        """Whether the required module is installed."""
        if self.requires is None:
            return True
        try:
            return find_spec(self.requires) is not None
        except ModuleNotFoundError:  # its parent package is missing
            return False


METHODS: dict[str, Method] = {
    "untouched": Method("untouched", "holes left black", "control"),
    "biharmonic": Method("biharmonic", "biharmonic", "Damelin, Hoang 2018"),
    "telea": Method("opencv", "Telea", "Telea 2004", grid={"radius_px": (2, 3, 10)}, requires="cv2"),
    "navier-stokes": Method(
        "opencv", "Navier-Stokes", "Bertalmio et al. 2001", grid={"radius_px": (1, 3, 10)}, requires="cv2"
    ),
    "fsr": Method("opencv", "FSR", "Genser et al. 2018", requires="cv2.xphoto"),
    "tv": Method("total_variation", "total variation", "Chan, Shen 2002"),
    "nuclear-admm": Method("nuclear_admm", "nuclear norm, exact", "Lin et al. 2010"),
    "tnnr": Method("tnnr", "TNNR", "Hu et al. 2013", grid={"rank": (5, 10)}),
    "edlrr-released": Method("edlrr_released", "EDLRR, as released", "Li et al. 2025", printed="nuclear"),
    "fgsr-rpca": Method(
        "fgsr_rpca", "RPCA FGSR", "Fan et al. 2019", grid={"weight": (0.02, 0.03, 0.04)}, printed="RPCA FGSR"
    ),
    "fgsr-two-thirds": Method(
        "fgsr_completion",
        "FGSR-2/3, masked",
        "Fan et al. 2019",
        grid={"penalty": (0.3, 1.0)},
        printed="RPCA FGSR",
    ),
    "fgsr-half": Method(
        "fgsr_completion",
        "FGSR-1/2, masked",
        "Fan et al. 2019",
        grid={"penalty": (0.1, 0.3)},
        printed="RPCA FGSR",
    ),
    "mdt-tucker": Method(
        "mdt_tucker",
        "f-MDT Tucker",
        "Yamamoto et al. 2022",
        grid={"window_px": (16, 32), "max_rank": (None, 12)},
        printed="f-MDT Tucker",
    ),
    "pssv": Method(
        "pssv", "partial sum (MSS), masked", "Oh et al. 2015", grid={"rank": (0, 5, 10, 20)}, printed="MSS"
    ),
    "pssv-rpca": Method(
        "pssv", "partial sum (MSS), RPCA", "Oh et al. 2015", grid={"rank": (0, 5, 10)}, printed="MSS"
    ),
    "multi-schatten": Method(
        "multi_schatten",
        "multi-Schatten-p (MSS)",
        "Xu et al. 2017",
        grid={"lam": (0.2, 0.5, 1.0)},
        printed="MSS",
    ),
    "irnn": Method("irnn", "IRNN", "Lu et al. 2015", grid={"shape": (0.35, 0.5, 0.7)}, printed="IRNN"),
    "tnn-3dtv": Method(
        "tnn_3dtv",
        "TNN-3DTV",
        "Jiang et al. 2018",
        grid={"smoothness": (0.003, 0.01, 0.03)},
        printed="TNN-3DTV",
    ),
    "dlrl": Method("dlrl", "DLRL, as released", "Chen et al. 2021", printed="DLRL"),
    "dlrl-principled": Method(
        "dlrl", "DLRL, matrix power", "Chen et al. 2021", grid={"rank": (50, 100)}, printed="DLRL"
    ),
}

METHOD_NAMES = tuple(METHODS)


def find(name: str) -> Method:
    """Return the method with a given name.

    Raises:
        UsageError: Unknown name; the message suggests the nearest.
    """
    if name not in METHODS:
        raise UsageError(f"unknown method {name!r}", nearest(name, METHOD_NAMES))
    return METHODS[name]


def solver(name: str) -> Any:
    """Import the function of a method."""
    module = import_module(f"edlrr_cli.baselines.{find(name).module}")
    return getattr(module, name.replace("-", "_"))


def default_params(name: str) -> Params:
    """Return the parameters of a method with their published values; imports torch."""
    params = inspect.signature(solver(name)).parameters.values()
    return {param.name: param.default for param in params if _is_own(param)}


def _is_own(param: inspect.Parameter) -> bool:
    return param.kind is param.KEYWORD_ONLY and param.name not in _GIVEN


def param_types(name: str) -> dict[str, type]:
    """Return the type of each parameter of a method; imports torch."""
    hints = get_type_hints(solver(name))
    return {key: hints[key] for key in default_params(name)}


def check_params(name: str, params: Iterable[str]) -> None:
    """Reject unknown parameters of a method; imports torch.

    Raises:
        UsageError: The method or a parameter is unknown; the message suggests the nearest.
    """
    choices = tuple(default_params(name))
    for key in params:
        if key not in choices:
            remedy = nearest(key, choices) if choices else "it takes none"
            raise UsageError(f"method {name}: unknown parameter {key!r}", remedy)


def run(
    name: str,
    image: Pixels,
    known: Bools,
    *,
    device: torch.device,
    dtype: torch.dtype,
    callback: Callback | None = None,
    **params: Any,
) -> Result:
    """Run a method by name.

    Args:
        name: One of `METHOD_NAMES`.
        image: Shape (h, w, c), values in [0, 1]; missing pixels are ignored. Not modified.
        known: Shape (h, w), True = known pixel.
        **params: Parameters of the method, see `default_params`.

    Raises:
        UsageError: Unknown method or parameter, or a library of the method is not installed.
        NumericsError: The iteration produced NaN or Inf, or a factorization or division failed.
    """
    check_params(name, params)
    solve = solver(name)
    try:
        result: Result = solve(image, known, device=device, dtype=dtype, callback=callback, **params)
    except NumericsError:  # already has a clear message
        raise
    except _breakdowns() as error:
        raise NumericsError(f"method {name} failed ({error})", "change its parameters") from error
    return result


def _breakdowns() -> tuple[type[Exception], ...]:
    """Return the exceptions that libraries raise on numerical failures; imports torch."""
    import numpy as np
    import torch

    linear_algebra = torch.linalg.LinAlgError  # type: ignore[attr-defined]  # not in torch's stubs
    return ArithmeticError, np.linalg.LinAlgError, linear_algebra
