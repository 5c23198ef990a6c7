"""Docstrings: the arguments that they describe exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "edlrr_cli"


def described(node):
    """Return the names in the section Args of a docstring."""
    section = re.search(r"\nArgs:\n(.*?)(\n\n|\Z)", ast.get_docstring(node) or "", flags=re.DOTALL)
    return re.findall(r"^    \*{0,2}(\w+):", section[1], flags=re.MULTILINE) if section else []


def declared(node):
    """Return the arguments of a function, or of the constructor of a class."""
    if isinstance(node, ast.ClassDef):
        constructors = (each for each in node.body if getattr(each, "name", "") == "__init__")
        node = next(constructors, None)
    arguments = getattr(node, "args", ast.arguments([], [], None, [], [], None, []))
    optional = (each for each in (arguments.vararg, arguments.kwarg) if each)
    return {each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *optional)}


def test_described_arguments_exist():
    nodes = [
        (path, node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and described(node)
    ]
    assert len(nodes) > 200
    wrong = [
        f"{path.relative_to(PACKAGE)}: {node.name} has no argument {name}"
        for path, node in nodes
        for name in described(node)
        if name not in declared(node)
    ]
    assert wrong == []
