"""The architecture, kept true: imports run one way, and each library is known to one room."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "edlrr_cli"

# Room -> the rooms it may import from, itself apart. `tasks.config` is settings, and read early.
MAY_IMPORT = {
    "errors": set(),
    "adam": set(),
    "channels": set(),
    "cores": set(),
    "dilation": set(),
    "parallel": {"cores"},
    "lrr": {"errors", "parallel"},
    "baselines": {"errors", "lrr", "adam", "channels"},
    "media": {"errors", "dilation"},
    "metrics": {"errors"},
    "pages": set(),
    "networks": {"errors", "lrr"},
    "tasks": {"errors", "lrr", "adam", "channels", "dilation", "parallel", "baselines", "networks"},
    "pipelines": {
        *("errors", "cores", "dilation", "lrr", "media", "metrics", "pages", "tasks", "baselines", ""),
    },
    "api": {"errors", "tasks", "pipelines"},
    "bench": {
        *("errors", "lrr", "media", "metrics", "networks", "pages", "tasks", "baselines", "pipelines", ""),
    },
    "cli": {"errors", "cores", "lrr", "media", "networks", "tasks", "baselines", "pipelines", ""},
    "cli/bench": {"errors", "media", "tasks", "baselines", "bench", "cli"},
    "__main__": {"errors", "media", "cli"},
    "": {"api", "lrr"},
}
ONLY_IN = {
    "av": {"media"},
    "click": {"cli", "cli/bench"},
    "distributed": {"pipelines"},
    "jinja2": {"pages"},
    "PIL": {"media", "bench"},
    "safetensors": {"media"},
    "tifffile": {"media"},
    "tqdm": {"cli", "cli/bench"},
    "matplotlib": {"pipelines", "bench"},
}


def room(path):
    relative = path.relative_to(PACKAGE)
    if relative.parts[:2] == ("cli", "bench"):  # the only commands that know the benchmarks
        return "cli/bench"
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


def modules_imported(path):
    """Return the files of this package that a file imports, for its types too."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, *parts = name.split(".")
            if package == PACKAGE.name and (found := module_file(parts) or module_file(parts[:-1])):
                yield found


def module_file(parts):
    here = PACKAGE.joinpath(*parts)
    return next(filter(Path.is_file, (here.with_suffix(".py"), here / "__init__.py")), None)


def circles(graph):
    """Return the nodes that can be reached from themselves."""

    def reached(node):
        seen, left = set(), [node]
        while left:
            for other in graph.get(left.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    left.append(other)
        return seen

    return sorted(node for node in graph if node in reached(node))


def import_graph():
    """Return the files that each file imports, by name; the package's own names are resolved lazily."""
    return {
        str(path.relative_to(PACKAGE)): {str(found.relative_to(PACKAGE)) for found in modules_imported(path)}
        for path in FILES
        if path != PACKAGE / "__init__.py"
    }


def test_no_import_circle_of_files():
    assert circles(import_graph()) == []


def test_no_import_circle_of_folders():
    """A folder may use the files of the folder around it; files beside all folders stand for themselves."""

    def folder(name):
        return name.rpartition("/")[0] or name

    graph = {}
    for name, found in import_graph().items():
        here = folder(name)
        others = {there for there in map(folder, found) if not f"{here}/".startswith(f"{there}/")}
        graph.setdefault(here, set()).update(others)
    assert circles(graph) == []


def test_a_circle_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c"]


def test_pipelines_know_no_command_line():
    code = "import sys, edlrr_cli.pipelines.bgsep.job, edlrr_cli.pipelines.inpaint.job; "
    code += "sys.exit('click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_files_are_short():
    assert [path.name for path in FILES if len(path.read_text(encoding="utf-8").splitlines()) > 400] == []


def lines_with(pattern, folder):
    """Return the lines of a folder's files that have a pattern, as ``git grep`` counts them."""
    inside = [path for path in FILES if path.is_relative_to(PACKAGE / folder)]
    lines = [line for path in inside for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if re.search(pattern, line)]


def test_commands_import_little_in_functions():
    """What a command computes with is one import; work of several modules belongs into another room."""
    assert len(lines_with(r"^\s+(from|import) ", "cli")) <= 30


def test_pipelines_name_their_types():
    assert len(lines_with(r"\bAny\b", "pipelines")) < 20


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
