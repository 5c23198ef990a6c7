"""Images from standard input and to standard output."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from edlrr_cli.errors import EXIT_FAILURE, EXIT_INPUT, EXIT_OK, EXIT_OUTPUT, EXIT_USAGE
from edlrr_cli.media import streams

QUICK = ("--prior", "global", "--steps", "5")


def encoded(path, file_format, **settings):
    stream = io.BytesIO()
    with Image.open(path) as image:
        image.save(stream, file_format, **settings)
    return stream.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


def test_an_image_goes_through_pipes_as_through_files(run, scene):
    command = [sys.executable, "-m", "edlrr_cli", "inpaint", "-", "--mask", scene.mask, *QUICK, "-o", "-"]
    piped = subprocess.run(command, input=scene.damaged.read_bytes(), capture_output=True, check=False)
    assert piped.returncode == EXIT_OK, piped.stderr
    run(*scene.arguments(*QUICK))
    assert piped.stdout == scene.restored.read_bytes()
    assert "restored        standard output" in piped.stderr.decode().splitlines()


def test_what_comes_from_a_pipe_goes_to_a_pipe_unless_a_file_is_named(run, scene):
    given, whole = ("denoise", "-", "--method", "tv"), scene.damaged.read_bytes()
    piped = run(*given, "-q", piped=whole)
    assert opened(piped.stdout_bytes).format == "PNG"
    assert piped.stderr == ""
    out = scene.folder / "out.png"
    record = json.loads(run(*given, "-o", out, "--json", piped=whole).stdout)
    assert (record["input"], record["output"]) == ("standard input", str(out))
    assert out.read_bytes() == piped.stdout_bytes


@pytest.mark.parametrize("option", ["--mask", "--reference"])
def test_another_input_may_be_piped(run, scene, option):
    files = {"--mask": scene.mask, "--reference": scene.clean}
    given = [word for name, path in files.items() for word in (name, "-" if name == option else path)]
    result = run("inpaint", scene.damaged, *given, *QUICK, "--json", piped=files[option].read_bytes())
    record = json.loads(result.stdout)
    assert record[option[2:]] == "standard input"
    assert record["psnr"] > 20
    assert scene.restored.exists()


@pytest.mark.parametrize(
    ("given", "asked", "written"),
    [
        ("JPEG", (), "JPEG"),
        ("TIFF", (), "TIFF"),
        ("GIF", (), "PNG"),
        ("PNG", ("--format", "bmp"), "BMP"),
        ("JPEG", ("--format", "webp"), "WEBP"),
    ],
)
def test_the_format_is_that_of_the_image_unless_asked(run, scene, given, asked, written):
    piped = run("denoise", "-", "--method", "tv", *asked, piped=encoded(scene.clean, given))
    assert opened(piped.stdout_bytes).format == written


def test_the_record_goes_to_stderr_beside_an_image_on_stdout(run, scene):
    piped = run("denoise", "-", "--method", "tv", "--json", "-q", piped=scene.damaged.read_bytes())
    assert json.loads(piped.stderr)["output"] == "standard output"
    assert opened(piped.stdout_bytes).format == "PNG"
    piped = run("denoise", "-", "--json", piped=b"no image")
    assert piped.stdout_bytes == b""
    line, record = piped.stderr.splitlines()
    assert line == "edlrr: error: standard input is not an image of a known kind; convert it to PNG"
    assert json.loads(record)["exit_code"] == piped.exit_code == EXIT_INPUT


@pytest.mark.parametrize(
    ("fraction", "reported"),
    [(0, "standard input is empty (0 bytes)"), (2, "standard input is truncated or corrupt")],
)
def test_damaged_streams_are_refused_in_one_line(run, scene, fraction, reported):
    whole = scene.clean.read_bytes()
    piped = run("denoise", "-", piped=whole[: len(whole) * fraction // 4])
    assert (piped.exit_code, piped.stdout_bytes) == (EXIT_INPUT, b"")
    assert piped.stderr.startswith(f"edlrr: error: {reported}")
    assert piped.stderr.count("\n") == 1


def test_an_endless_stream_is_refused(run, scene, monkeypatch):
    monkeypatch.setattr(streams, "_MAX_BYTES", 1 << 20)
    piped = run("denoise", "-", piped=bytes(2 << 20))
    assert piped.stderr == "edlrr: error: standard input has more than 1 MiB; name a file\n"


@pytest.mark.parametrize(
    ("arguments", "code", "reported"),
    [
        ("inpaint - --mask -", EXIT_USAGE, "- stands for two inputs"),
        ("denoise - --reference -", EXIT_USAGE, "- stands for two inputs"),
        ("denoise - clean.png", EXIT_USAGE, "- is for one image"),
        ("denoise clean.png damaged.png -o -", EXIT_USAGE, "- is for one image"),
        ("inpaint . --mask -", EXIT_USAGE, "- is for one image"),
        ("denoise - --skip-existing", EXIT_USAGE, "- is for one image"),
        ("denoise - -o .", EXIT_USAGE, "standard input has no name for a file in ."),
        ("denoise clean.png -o out.png --figure -", EXIT_OUTPUT, "figure -: expected the extension .png"),
    ],
)
def test_what_streams_cannot_do_is_refused(refused, scene, monkeypatch, arguments, code, reported):
    monkeypatch.chdir(scene.folder)
    assert reported in refused(code, *arguments.split())


def test_a_terminal_gets_no_image_and_gives_none(refused, scene, monkeypatch):
    for stream in ("click.testing._NamedTextIOWrapper", "click.testing.EchoingStdin"):
        monkeypatch.setattr(f"{stream}.isatty", lambda self: True, raising=False)
    reported = refused(EXIT_OUTPUT, "denoise", scene.clean, "-o", "-")
    assert "an image is not for a terminal; redirect it" in reported
    assert "nothing is piped into standard input" in refused(EXIT_INPUT, "denoise", "-")


def test_a_reader_that_leaves_ends_it_quietly(scene):
    theirs, ours = os.pipe()
    os.close(theirs)
    command = [sys.executable, "-m", "edlrr_cli", "denoise", scene.clean, "--sigma", "0", "-o", "-", "--json"]
    ended = subprocess.run(command, stdout=ours, stderr=subprocess.PIPE, check=False)
    os.close(ours)
    assert (ended.returncode, ended.stderr) == (EXIT_FAILURE, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_reported_in_one_line(scene):
    command = [sys.executable, "-m", "edlrr_cli", "denoise", scene.clean, "--sigma", "0", "-o", "-", "-q"]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == EXIT_OUTPUT
    assert ended.stderr.startswith(b"edlrr: error: standard output cannot be written")
    assert ended.stderr.count(b"\n") == 1


def test_a_file_may_be_named_like_a_stream(run, scene, monkeypatch):
    monkeypatch.chdir(scene.folder)
    for name in ("-", "standard input"):
        os.link(scene.clean, name)
        result = run("denoise", f"./{name}", "--method", "tv", "-o", f"{name}.png", "--json")
        assert json.loads(result.stdout)["output"] == f"{name}.png"
