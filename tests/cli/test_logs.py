"""What is reported on stderr while the program works, and what a terminal sees."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys

import pytest
from PIL import Image

QUICK = ("--prior", "local", "--steps", "5")


def levels(text):
    return set(re.findall(r"^edlrr: (\w+): ", text, flags=re.MULTILINE))


def test_a_log_tells_what_is_done(run, scene):
    reported = run(*scene.arguments("--log-level", "info")).stderr
    assert levels(reported) == {"info"}
    for word in ("prior global: ", "prior local: ", "global: weight ", "mixed: RMSE "):
        assert word in reported
    reported = run("denoise", scene.damaged, "--log-level", "debug", "-o", scene.folder / "d.png").stderr
    assert levels(reported) == {"info", "debug"}
    assert "noise: " in reported


@pytest.mark.parametrize("options", [(), ("-q",), ("--log-level", "info", "-q")])
def test_without_it_nothing_is_logged(run, scene, options):
    run(*scene.arguments("--log-level", "debug"))
    assert levels(run(*scene.arguments("--overwrite", *options)).stderr) == set()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_the_lines_of_a_batch_name_their_image(scene, jobs):
    command = [sys.executable, "-m", "edlrr_cli", "denoise", scene.clean, scene.damaged, "--method", "tv"]
    command += ["--jobs", jobs, "--log-level", "info"]
    reported = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    for path in (scene.clean, scene.damaged):
        assert f"edlrr: info: {path}: white noise: " in reported


def test_what_libraries_log_is_not_reported(spawn, tmp_path):
    """Pillow would log of a TIFF with too many samples that it can name no better."""
    Image.new("RGB", (8, 8)).save(tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    for entry in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", data, first)[0], 12):
        if struct.unpack_from("<H", data, entry)[0] == 277:  # samples per pixel
            struct.pack_into("<H", data, entry + 8, 2048)
    (tmp_path / "a.tif").write_bytes(data)
    ended = spawn("denoise", tmp_path / "a.tif")
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1


def on_a_terminal(arguments, **variables):
    """Return what a command line draws on a terminal."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "edlrr_cli", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", **variables},
    )
    os.close(theirs)
    drawn = b""
    try:
        while chunk := os.read(ours, 4096):
            drawn += chunk
    except OSError:  # Linux says so at the end
        pass
    os.close(ours)
    assert process.wait() == 0
    return drawn.decode()


@pytest.mark.parametrize("command", ["inpaint", "batch"])
def test_a_terminal_sees_the_time_left(scene, command):
    arguments = scene.arguments(*QUICK)
    if command == "batch":
        arguments = ["denoise", scene.clean, scene.damaged, "--method", "tv", "--jobs", "1"]
    drawn = on_a_terminal(arguments)
    assert re.search(r"\d+/\d+ \[\d\d:\d\d<\d\d:\d\d", drawn)  # done of all, time taken < time left
    assert not re.search(r"\x1b\[[\d;]*m", drawn)  # no colors


@pytest.mark.parametrize(("more", "variables"), [(["-q"], {}), ([], {"TERM": "dumb"})])
def test_a_terminal_sees_nothing_of_it_if_it_cannot_or_shall_not(scene, more, variables):
    drawn = on_a_terminal(scene.arguments(*QUICK, *more), **variables)
    assert "%|" not in drawn
    assert "\r" not in drawn.replace("\r\n", "\n")
