"""The documents are tests: what they show is run, and what exists is in them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import click
import numpy as np
import pytest

import edlrr_cli.lrr
from edlrr_cli.baselines.registry import METHOD_NAMES, METHODS
from edlrr_cli.cli.app import _COMMANDS, edlrr
from edlrr_cli.errors import EdlrrError
from edlrr_cli.lrr.names import REG_NAMES
from edlrr_cli.tasks.bgsep.config import METHODS as BGSEP_METHODS
from edlrr_cli.tasks.denoise.config import METHODS as DENOISE_METHODS

ROOT = Path(__file__).parents[1]
PATHS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "edlrr_cli/weights/README.md"]
PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (*PATHS, ROOT / "CHANGELOG.md")}
README = PAGES["README.md"]
BENCHMARKS = sorted((ROOT / "benchmarks").glob("*.json"))


def blocks(language):
    """Return the code of all pages, as test parameters."""
    return [
        pytest.param(code, id=f"{page}-{number}")
        for page, text in PAGES.items()
        for number, code in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.M | re.S))
    ]


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
    """Return the words and the numbers of each line, without decimals and without the time taken."""
    report = re.sub(r"\d+\.\d s on .*", "", report)
    lines = [re.sub(r"(\d+)\.\d+", r"\1", line) for line in report.splitlines()]
    return [
        (sorted(re.findall(r"[^\W\d]+", line)), list(map(int, re.findall(r"\d+", line)))) for line in lines
    ]


@pytest.mark.parametrize("block", blocks("console"))
def test_a_console_example_prints_what_is_shown(block, checkout):
    command, _, shown = block.partition("\n")
    result = run(shlex.split(command.removeprefix("$ edlrr ")), checkout)
    assert result.returncode == 0, result.stderr
    for (words, numbers), (shown_words, shown_numbers) in zip(
        comparable(result.stdout), comparable(shown), strict=True
    ):
        assert words == shown_words
        assert numbers == pytest.approx(shown_numbers, abs=2, rel=0.05)


@pytest.fixture
def archive(checkout):
    """Return a folder with two images, one of them without a mask, and two scans of one glass."""
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


SCRIPTS = [parameter.values[0] for parameter in blocks("sh")]


def run_script(marker, folder, **env):
    """Run the shell script that has a marker, quickly; ``edlrr`` is that of this checkout."""
    (script,) = (script for script in SCRIPTS if marker in script)
    program = f"{shlex.quote(sys.executable)} -m edlrr_cli"
    quick = 'if [ "$1" = inpaint ]; then set -- "$@" --prior global --steps 5; fi'
    return subprocess.run(
        ["bash", "-c", f'edlrr() {{ {quick}; {program} "$@"; }}\n{script}'],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **env},
        capture_output=True,
        text=True,
    )


def test_the_script_for_an_archive(archive):
    result = run_script("report.jsonl", archive)
    assert result.stdout == "some failed\n"
    assert "photos/b.png: masks has no mask b.*" in result.stderr
    records = [json.loads(line) for line in (archive / "report.jsonl").read_text().splitlines()]
    assert sorted(record["status"] for record in records) == ["error", "ok"]
    assert (archive / "restored/a.png").exists()
    assert "photos/b.png" in (archive / "restored.html").read_text()


def test_the_script_with_a_pipe(archive):
    result = run_script("-o - ", archive)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert sorted(path.name for path in (archive / "clean").iterdir()) == ["1.jpg", "2.jpg"]


def test_the_script_for_an_array_of_jobs(archive):
    codes = [run_script("SBATCH", archive, SLURM_ARRAY_TASK_ID=str(part)).returncode for part in (1, 2)]
    assert codes == [0, 1]  # the second image has no mask
    assert [path.name for path in (archive / "restored").iterdir()] == ["a.png"]


def test_no_other_script_is_shown():
    assert len(SCRIPTS) == 3


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_example_runs(code):
    names: dict[str, object] = {}
    exec(code, names)
    if "network" in names:
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in names["network"].parameters())


GENERATED = ("docs/commands.md", "docs/benchmarks.md", "docs/decisions.md", "CHANGELOG.md")
GUIDES = "\n".join(text for page, text in PAGES.items() if page not in GENERATED)


def leaf_commands(group):
    """Yield every command below a group."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield from leaf_commands(command) if isinstance(command, click.Group) else [command]


def options_of(command):
    parameters = command.get_params(click.Context(command))
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}


@pytest.mark.parametrize(
    "line", sorted(set(re.findall(r"(?:^    |`)edlrr ([a-z][^`\n]*)", GUIDES, flags=re.M)))
)
def test_a_command_in_the_text_exists_with_its_options(line):
    words, command = shlex.split(line), edlrr
    while isinstance(command, click.Group) and words:
        command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None
    assert {word for word in words if re.match("--?[a-z]", word)} <= options_of(command)


def test_the_options_in_the_text_exist():
    options = set().union(*(options_of(command) for command in leaf_commands(edlrr)))
    assert set(re.findall("`(--?[a-z][a-z-]*)", GUIDES)) <= options


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 160


def test_the_numbers_of_the_readme_are_measurements():
    """Its prose repeats numbers of generated tables, and the version of Python that is required."""
    prose = re.sub(r"^```.*?^```", "", README, flags=re.M | re.S)
    tables = re.findall(r"<!-- bench:\S+ -->(.*?)<!-- /bench", PAGES["docs/benchmarks.md"], flags=re.S)
    known = re.findall(r"\d+\.\d+", "".join([*tables, (ROOT / "pyproject.toml").read_text()]))
    assert set(re.findall(r"\d+\.\d+", prose)) <= set(known)


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_is_in_the_readme_and_in_the_reference(name):
    assert f"edlrr {name}" in README
    assert f"\n## edlrr {name}\n" in PAGES["docs/commands.md"]


@pytest.mark.parametrize("name", [*REG_NAMES, *METHOD_NAMES])
def test_every_penalty_and_baseline_is_documented(name):
    assert f"`{name}`" in PAGES["docs/methods.md"]


@pytest.mark.parametrize(
    ("page", "names"), [("docs/denoise.md", DENOISE_METHODS), ("docs/bgsep.md", BGSEP_METHODS)]
)
def test_every_other_method_is_documented(page, names):
    assert all(f"`{name}`" in PAGES[page] for name in names)


def test_every_public_name_is_documented():
    names = [f"edlrr_cli.{name}" for name in edlrr_cli.__all__ if name != "__version__"]
    names += [f"edlrr_cli.lrr.{name}" for name in edlrr_cli.lrr.__all__ if name not in edlrr_cli.__all__]
    assert [name for name in names if f"`{name}`" not in PAGES["docs/library.md"]] == []


def test_the_reference_is_that_of_the_commands():
    """docs/commands.md is made by edlrr show commands."""
    assert run(["show", "commands"], ROOT).stdout == PAGES["docs/commands.md"]


def test_the_source_of_every_method_is_documented():
    for name, method in METHODS.items():
        rows = (line for line in PAGES["docs/methods.md"].splitlines() if line.startswith("|"))
        (row,) = (row for row in rows if f"`{name}`" in row)
        assert method.source == "control" or method.source in row


def subclasses(kind):
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in subclasses(below))]


def test_every_exit_code_is_documented():
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    assert documented >= {0, 130} | {kind.exit_code for kind in subclasses(EdlrrError)}
    assert all(f"  {code} " in (edlrr.epilog or "") for code in documented)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_images_exist(page):
    text = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path.read_text()), target


def anchors(text):
    """Return the headings of a page, as links name them."""
    titles = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def test_every_page_can_be_reached_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[^)#]+)", README))
    assert linked == {page for page in PAGES if page.startswith("docs/")}


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^    make (\w+)", README, flags=re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


def test_the_demo_is_the_first_example_of_the_readme():
    makefile = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    (demo,) = re.findall(r"edlrr (inpaint .*)", makefile)
    (shown, *_) = re.findall(r"^\$ edlrr (inpaint .*)", README, flags=re.MULTILINE)
    outputs = ("-o", "--figure")

    def settings(line):
        words = shlex.split(line)
        return [word for before, word in zip(["", *words], words, strict=False) if before not in outputs]

    assert settings(demo) == [*settings(shown), "--overwrite"]
    assert "--reg laguerre-gamma" in README


def test_the_tables_are_those_of_the_committed_measurements(tmp_path):
    text, copy = PAGES["docs/benchmarks.md"], tmp_path / "benchmarks.md"
    copy.write_text(text)
    result = run(["bench", "report", *map(str, BENCHMARKS), "--into", str(copy)], ROOT)
    assert result.returncode == 0, result.stderr
    assert copy.read_text() == text


def means_by_half(odd):
    """Return the mean PSNR of each method and kind of damage on one half of the images of table1_priors."""
    rows = json.loads((ROOT / "benchmarks/table1_priors.json").read_text())["rows"]
    values: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["kind"] == "case" and int(row["image"]) % 2 == odd:
            values.setdefault(row["method"], {}).setdefault(row["corruption"], []).append(row["psnr"])
    return {method: np.array([fmean(column) for column in by.values()]) for method, by in values.items()}


def test_the_tables_by_halves_of_the_images_are_those_of_the_measurement():
    """No command writes them."""
    (section,) = re.findall(r"^## Priors\n(.*?)^## ", PAGES["docs/benchmarks.md"], flags=re.M | re.S)
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if re.search(r"\d\.\d", line)]
    shown = [(name, [float(cell) for cell in cells]) for name, *cells in rows]
    halves = [means_by_half(odd=True), means_by_half(odd=False)]
    for half in halves:
        for _ in half:
            name, cells = shown.pop(0)
            assert cells == pytest.approx(half[name], abs=0.0051)
    for half, (_, cells) in zip(halves, shown, strict=True):
        assert cells == pytest.approx(half["auto:auto"] - half["auto"], abs=0.0051)


def test_every_part_of_a_measurement_stands_once():
    markers = re.findall(r"<!-- bench:(\S+) -->", "".join(PAGES.values()))
    assert len(markers) == len(set(markers))


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.name)
def test_every_measurement_is_strict_and_names_its_command(path):
    record = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    program, script, *_ = record["command"].split()
    assert (program, script) == ("edlrr", "bench") or (program == "python" and (ROOT / script).exists())
    assert "dirty" not in record["commit"]
