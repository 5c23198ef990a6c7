"""The architecture, kept true: imports run one way, and each library is known to one room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "edlrr_cli"

# Room -> the rooms it may import from, itself apart. `tasks.config` is settings, and read early.
MAY_IMPORT = {
    "errors": set(),
    "adam": set(),
    "cores": set(),
    "parallel": {"cores"},
    "lrr": {"errors", "parallel"},
    "baselines": {"errors", "lrr", "adam"},
    "media": {"errors"},
    "metrics": {"errors"},
    "pages": set(),
    "networks": {"errors", "lrr"},
    "tasks": {"errors", "lrr", "adam", "parallel", "baselines", "networks"},
    "api": {"errors", "media", "tasks"},
    "bench": {"errors", "lrr", "media", "metrics", "networks", "pages", "tasks", "baselines", "cli", ""},
    "cli": {
        "errors",
        "cores",
        "lrr",
        "media",
        "metrics",
        "networks",
        "pages",
        "tasks",
        "baselines",
        "bench",
        "",
    },
    "__main__": {"errors", "cli"},
    "": {"api", "lrr"},
}
ONLY_IN = {
    "av": {"media"},
    "click": {"cli"},
    "distributed": {"cli"},
    "jinja2": {"pages"},
    "PIL": {"media", "bench"},
    "safetensors": {"media"},
    "tifffile": {"media"},
    "tqdm": {"cli"},
    "matplotlib": {"cli", "bench"},
}


def room(path):
    relative = path.relative_to(PACKAGE)
    name = relative.parts[0] if len(relative.parts) > 1 else relative.stem
    return "" if name == "__init__" else name


def imported(path):
    """Return (top-level package, second part) of every import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "edlrr_cli":
            names = [f"edlrr_cli.{'' if alias.name == '__version__' else alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        yield from ((*name.split("."), "")[:2] for name in names)


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    here = room(path)
    for package, part in imported(path):
        if package == "edlrr_cli" and part != here:
            assert part in MAY_IMPORT[here], f"{here} imports edlrr_cli.{part}"
        if package in ONLY_IN:
            assert here in ONLY_IN[package], f"{here} imports {package}"


def test_the_walk_sees_the_package():
    assert {"lrr", "tasks", "media", "cli", "errors"} <= {room(path) for path in FILES}
    assert ("torch", "") in set(imported(PACKAGE / "lrr" / "polar.py"))


@pytest.mark.parametrize(
    "module",
    [
        "edlrr_cli",
        "edlrr_cli.lrr",
        "edlrr_cli.lrr.names",
        "edlrr_cli.media.weights",
        "edlrr_cli.networks.names",
        "edlrr_cli.tasks.inpaint.config",
        "edlrr_cli.tasks.denoise.config",
        "edlrr_cli.tasks.training.config",
        "edlrr_cli.baselines.registry",
    ],
)
def test_light_modules_import_no_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_public_names_resolve():
    import edlrr_cli
    import edlrr_cli.lrr

    for module in (edlrr_cli, edlrr_cli.lrr):
        for name in module.__all__:
            assert getattr(module, name) is not None
        with pytest.raises(AttributeError, match="no_such_name"):
            _ = module.no_such_name
