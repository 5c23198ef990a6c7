"""Standard streams that are closed, full or left: the work is done, and the exit code is true."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import EXIT_INPUT, EXIT_OK, EXIT_OUTPUT

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the shell of the tests is that of POSIX")
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")

FULL = "standard output cannot be written ([Errno 28] No space left on device); check the disk"
DENOISE = ("denoise", "clean.png", "--method", "tv", "--sigma", "10", "-o", "out.png")
INPAINT = ("inpaint", "damaged.png", "--mask", "mask.png", "--prior", "global", "--steps", "2")
BGSEP = ("bgsep", "frames", "--method", "median", "-o", "out")
NETWORK = ("--arch", "dncnn", "--depth", "3", "--width", "2", "--patch-px", "8", "--batch", "1")
TRAIN = ("train", "--data", "frames", "-o", "out.safetensors", *NETWORK, "--held-out", "1", "--steps", "1")


@pytest.fixture
def shell(scene):
    """Run a command line with redirections of a shell in the folder of the scene, and four frames."""
    (scene.folder / "frames").mkdir()
    for index in range(4):
        level = np.full((16, 24), 90, np.uint8)
        level[4:8, 4 * index : 4 * index + 4] = 230
        Image.fromarray(level).save(scene.folder / f"frames/{index}.png")

    def start(redirections, *arguments):
        command = ["sh", "-c", f'exec "$@" {redirections}', "sh", sys.executable, *arguments]
        return subprocess.run(
            command, cwd=scene.folder, capture_output=True, text=True, timeout=60, check=False
        )

    return start


@pytest.mark.parametrize(
    ("redirections", "arguments", "written"),
    [
        ("0<&- 1>&- 2>&-", (*DENOISE, "--json"), "out.png"),
        ("2>&-", INPAINT, "damaged_restored.png"),
        ("1>&- 2>&-", BGSEP, "out/report.json"),
        ("0<&- 2>&-", TRAIN, "out.safetensors"),
    ],
)
def test_the_work_is_done_with_closed_streams(shell, scene, redirections, arguments, written):
    ended = shell(redirections, "-m", "edlrr_cli", *arguments)
    assert (ended.returncode, ended.stderr) == (EXIT_OK, "")
    assert (scene.folder / written).exists()
    if written.endswith(".png"):
        with Image.open(scene.folder / written) as image:
            image.load()


def test_an_image_for_a_closed_stdout_and_one_from_a_closed_stdin_are_refused(shell):
    ended = shell("1>&-", "-m", "edlrr_cli", "denoise", "clean.png", "-o", "-")
    assert ended.returncode == EXIT_OUTPUT
    assert ended.stderr.startswith("edlrr: error: standard output is closed; redirect it")
    ended = shell("0<&-", "-m", "edlrr_cli", "denoise", "-", "-o", "out.png")
    assert ended.returncode == EXIT_INPUT
    assert ended.stderr.startswith("edlrr: error: standard input is empty")


def test_a_failure_has_its_exit_code_with_closed_streams(shell):
    assert shell("1>&- 2>&-", "-m", "edlrr_cli", "denoise", "absent.png").returncode == EXIT_INPUT


@needs_full
def test_a_report_that_is_lost_is_an_error_after_the_work(shell, scene):
    ended = shell(">/dev/full", "-m", "edlrr_cli", *DENOISE, "--json")
    assert (ended.returncode, ended.stderr) == (EXIT_OUTPUT, f"edlrr: error: {FULL}\n")
    assert (scene.folder / "out.png").exists()
    ended = shell(">/dev/full", "-m", "edlrr_cli", "denoise", "absent.png", "--json")
    assert (ended.returncode, ended.stderr.count("\n")) == (EXIT_INPUT, 1)
    assert shell(">/dev/full", "-m", "edlrr_cli", "--version").stderr == f"edlrr: error: {FULL}\n"


@needs_full
def test_a_batch_goes_on_without_its_report(shell, scene):
    batch = ("denoise", "frames", "--method", "tv", "--sigma", "10", "-o", "out", "--jobs", "1", "--json")
    ended = shell(">/dev/full", "-m", "edlrr_cli", *batch)
    summary, error = ended.stderr.splitlines()
    assert ended.returncode == EXIT_OUTPUT
    assert summary.startswith("4 done")
    assert error == f"edlrr: error: {FULL}"
    assert len(list((scene.folder / "out").iterdir())) == 4


@needs_full
def test_what_stderr_cannot_take_is_dropped(shell, scene):
    ended = shell("2>/dev/full", "-m", "edlrr_cli", *INPAINT, "--json", "--log-level", "debug")
    assert ended.returncode == EXIT_OK
    assert json.loads(ended.stdout)["status"] == "ok"


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_no_file_takes_the_number_of_a_standard_stream(shell, scene, closed):
    program = """
import os
from edlrr_cli.media.standard_streams import secure_standard_streams
secure_standard_streams()
with open("out.txt", "wb") as file:
    for descriptor in (1, 2):
        os.write(descriptor, b"a library wrote this")
    os.system("echo so did a child; echo so did a child >&2")
    file.write(b"%d" % (file.fileno() > 2))
"""
    assert shell(closed, "-c", program).returncode == EXIT_OK
    assert (scene.folder / "out.txt").read_bytes() == b"1"


@needs_full
def test_a_worker_process_survives_a_full_stderr(shell):
    program = """
import logging, sys
from edlrr_cli.pipelines.executors import ProcessExecutor
if __name__ == "__main__":
    (_, outcome), = ProcessExecutor(1, 1).run(logging.getLogger("edlrr_cli").error, ["lost"])
    sys.exit(repr(outcome) if outcome else 0)
"""
    assert shell("2>/dev/full", "-c", program).returncode == EXIT_OK


def test_a_reader_that_is_gone_costs_no_traceback_of_an_error(scene):
    theirs, ours = os.pipe()
    os.close(theirs)
    command = [sys.executable, "-m", "edlrr_cli", "denoise", "absent.png", "--json"]
    ended = subprocess.run(command, stdout=ours, stderr=subprocess.PIPE, text=True, check=False)
    os.close(ours)
    assert ended.returncode == EXIT_INPUT
    assert ended.stderr.count("\n") == 1
