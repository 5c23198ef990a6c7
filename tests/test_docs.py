"""The documents are tests: what README says is run, and what exists is in README."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edlrr_cli.baselines.registry import METHOD_NAMES, METHODS
from edlrr_cli.cli.app import _COMMANDS, edlrr
from edlrr_cli.errors import EdlrrError
from edlrr_cli.lrr.names import REG_NAMES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", "BENCHMARKS.md")
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.json"))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "edlrr_cli", *arguments],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def checkout(tmp_path):
    shutil.copytree(ROOT / "sample_images", tmp_path / "sample_images")
    return tmp_path


def comparable(report):
    """Labels, and numbers to the decibel; not the time taken."""
    report = re.sub(r"\d+\.\d s on .*", "", report)
    return [re.sub(r"(\d+)\.\d+", r"\1", line) for line in report.splitlines()]


def test_the_console_example_prints_what_is_shown(checkout):
    (block,) = blocks("console")
    command, _, shown = block.partition("\n")
    result = run(shlex.split(command.removeprefix("$ edlrr ")), checkout)
    assert result.returncode == 0, result.stderr
    printed = comparable(result.stdout)
    assert len(printed) == len(comparable(shown))
    for ours, theirs in zip(printed, comparable(shown), strict=True):
        assert ours[:16] == theirs[:16]
        numbers = [list(map(int, re.findall(r"\d+", line[16:]))) for line in (ours, theirs)]
        assert numbers[0] == pytest.approx(numbers[1], abs=2, rel=0.05)


@pytest.fixture
def archive(checkout):
    """Two pictures, one of them without a mask; two scans of one glass."""
    samples = checkout / "sample_images"
    for folder in ("photos", "masks", "scans", "clean"):
        (checkout / folder).mkdir()
    shutil.copy(samples / "brick_blocks.png", checkout / "photos/a.png")
    shutil.copy(samples / "mask_blocks.png", checkout / "masks/a.png")
    shutil.copy(samples / "coffee_text.png", checkout / "photos/b.png")
    for name in ("1", "2"):
        shutil.copy(samples / "rocket_scratches.png", checkout / f"scans/{name}.png")
    shutil.copy(samples / "mask_scratches.png", checkout / "dust.png")
    return checkout


def run_script(number, folder, **env):
    """Run a shell script of README, quickly; ``edlrr`` is that of this checkout."""
    program = f"{shlex.quote(sys.executable)} -m edlrr_cli"
    quick = 'if [ "$1" = inpaint ]; then set -- "$@" --prior global --steps 5; fi'
    return subprocess.run(
        ["bash", "-c", f'edlrr() {{ {quick}; {program} "$@"; }}\n{blocks("sh")[number]}'],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
    )


def test_the_script_for_an_archive(archive):
    result = run_script(0, archive)
    assert result.stdout == "some failed\n"
    assert "photos/b.png: masks has no mask b.*" in result.stderr
    records = [json.loads(line) for line in (archive / "report.jsonl").read_text().splitlines()]
    assert sorted(record["status"] for record in records) == ["error", "ok"]
    assert (archive / "restored/a.png").exists()
    assert "photos/b.png" in (archive / "restored.html").read_text()


def test_the_script_with_a_pipe(archive):
    result = run_script(1, archive)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert sorted(path.name for path in (archive / "clean").iterdir()) == ["1.jpg", "2.jpg"]


def test_the_script_for_an_array_of_jobs(archive):
    codes = [run_script(2, archive, SLURM_ARRAY_TASK_ID=str(part)).returncode for part in (1, 2)]
    assert codes == [0, 1]  # the second picture has no mask
    assert [path.name for path in (archive / "restored").iterdir()] == ["a.png"]


def test_no_other_script_is_shown():
    assert len(blocks("sh")) == 3


def test_the_python_example_runs():
    (code,) = blocks("python")
    names: dict[str, object] = {}
    exec(code, names)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in names["net"].parameters())


@pytest.mark.parametrize("name", [*REG_NAMES, *METHOD_NAMES, *_COMMANDS])
def test_every_penalty_method_and_command_is_documented(name):
    assert f"`{name}`" in README or f"edlrr {name}" in README


def test_the_reference_is_that_of_the_commands():
    """COMMANDS.md is made by edlrr show commands."""
    assert run(["show", "commands"], ROOT).stdout == (ROOT / "COMMANDS.md").read_text()


def test_the_source_of_every_method_is_documented():
    (section,) = re.findall(r"^## Compared methods\n(.*?)^## ", README, flags=re.MULTILINE | re.DOTALL)
    for name, method in METHODS.items():
        (row,) = (line for line in section.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert method.source == "control" or method.source in row


def subclasses(kind):
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in subclasses(below))]


def test_every_exit_code_is_documented():
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    assert documented >= {0, 130} | {kind.exit_code for kind in subclasses(EdlrrError)}
    assert all(f"  {code} " in (edlrr.epilog or "") for code in documented)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_pictures_exist(document):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / document).read_text()):
        name, _, anchor = target.partition("#")
        assert (ROOT / name).exists(), target
        assert not anchor or anchor in anchors((ROOT / name).read_text()), target


def anchors(text):
    """The headings of a document, as links name them."""
    return [title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)]


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_tables_are_those_of_the_committed_measurements(document, tmp_path):
    text, copy = (ROOT / document).read_text(), tmp_path / document
    files = [path for path in BENCHMARKS if has_place(text, path)]
    copy.write_text(text)
    result = run(["bench", "report", *map(str, files), "--into", str(copy)], ROOT)
    assert result.returncode == 0, result.stderr
    assert copy.read_text() == text


def test_every_measurement_is_in_a_document():
    text = README + (ROOT / "BENCHMARKS.md").read_text()
    assert all(has_place(text, path) for path in BENCHMARKS)


def has_place(text, path):
    """Whether a document has the markers of a table of a measurement."""
    return any(f"<!-- bench:{path.stem}{part} -->" in text for part in ("", ":details"))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.name)
def test_every_measurement_is_strict_and_names_its_command(path):
    record = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert record["command"].startswith("edlrr bench")
    assert "dirty" not in record["commit"]
