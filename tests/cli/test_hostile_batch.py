"""Hundreds of images, many of them damaged: none may end a batch, leave a trace, or show a traceback."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image

KINDS = {"PNG": "png", "JPEG": "jpg", "TIFF": "tif", "BMP": "bmp", "GIF": "gif", "WEBP": "webp", "PPM": "ppm"}
EACH = 72
SHAPE = (40, 48)
QUICK = ("--prior", "global", "--steps", "2", "--held-out", "0")


def image():
    return Image.fromarray(np.random.default_rng(0).integers(256, size=(*SHAPE, 3), dtype=np.uint8))


@pytest.fixture
def mask(tmp_path):
    hole = np.zeros(SHAPE, np.uint8)
    hole[10:14, 10:14] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def damage(data, chance, number):
    """Cut short, change bytes anywhere, take some out, or change the header."""
    data = bytearray(data)
    if number % 4 == 0:
        return data[: chance.randrange(len(data))]
    if number % 4 == 1:
        for _ in range(chance.randrange(1, 30)):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif number % 4 == 2:
        first = chance.randrange(len(data))
        del data[first : first + chance.randrange(1, 60)]
    else:
        for _ in range(3):
            data[chance.randrange(min(64, len(data)))] = chance.randrange(256)
    return data


@pytest.fixture
def hostile(tmp_path):
    """Five hundred damaged files, and some that are whole and odd."""
    folder, chance = tmp_path / "in", random.Random(0)
    folder.mkdir()
    for kind, extension in KINDS.items():
        with io.BytesIO() as stream:
            image().save(stream, kind)
            data = stream.getvalue()
        for number in range(EACH):
            (folder / f"{extension}{number:02}.{extension}").write_bytes(damage(data, chance, number))
    (folder / "zero.png").touch()
    Image.fromarray(np.full(SHAPE, np.nan, np.float32)).save(folder / "nan.tif")
    Image.new("L", (1, 1)).save(folder / "one.png")
    Image.new("RGB", (20000, 3)).save(folder / "wide.png")
    Image.new("CMYK", SHAPE[::-1]).save(folder / "cmyk.tif")
    (folder / "huge.png").write_bytes(claiming_to_be(100_000, 100_000))
    return folder


def claiming_to_be(width, height):
    """A small PNG whose header speaks of other sides."""
    with io.BytesIO() as stream:
        image().save(stream, "PNG")
        data = bytearray(stream.getvalue())
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return data


@pytest.mark.parametrize("command", ["inpaint", "denoise"])
def test_no_file_ends_the_batch(run, hostile, mask, tmp_path, command):
    how = (
        ("--mask", mask, "--mask-mode", "white", *QUICK) if command == "inpaint" else ("--method", "wavelet")
    )
    out = tmp_path / "out"
    result = run(command, hostile, "-o", out, "--jobs", "1", "--json", *how)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(records) == len(KINDS) * EACH + 6
    assert result.exit_code == 1
    assert "internal error" not in result.stderr
    codes = Counter(record.get("exit_code") for record in records)
    assert set(codes) == {None, 3}
    assert codes[3] > 300
    # What is reported as done is there and can be read, and nothing else is.
    done = {record["output"] for record in records if record["status"] == "ok"}
    assert {str(path) for path in out.iterdir()} == done
    for name in done:
        with Image.open(name) as written:
            written.load()


def test_two_hundred_images_and_ten_bad_ones(run, mask, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(200):
        path = folder / f"{number:03}.bmp"
        image().save(path)
        if number % 20 == 7:
            path.write_bytes(path.read_bytes()[:99])
    result = run("inpaint", folder, "--mask", mask, "--mask-mode", "white", "-o", out, *QUICK)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("190 done, 10 failed, ")
    assert len(list(out.iterdir())) == 190


@pytest.fixture
def small_disk(tmp_path, mask):
    """Run a command that may write no file of more than two kilobytes."""
    resource = pytest.importorskip("resource")
    image().save(tmp_path / "a.png")
    image().save(tmp_path / "b.png")

    def run(command, *arguments):
        how = ["--mask", mask, "--mask-mode", "white", *QUICK] if command == "inpaint" else ["--method", "tv"]
        return subprocess.run(
            [sys.executable, "-m", "edlrr_cli", command, *map(str, [*arguments, *how])],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
        )

    return run


@pytest.mark.parametrize("command", ["inpaint", "denoise"])
def test_a_full_disk(small_disk, tmp_path, command):
    before = {path.name for path in tmp_path.iterdir()}
    one = small_disk(command, "a.png")
    assert one.returncode == 4
    assert "cannot be written" in one.stderr.splitlines()[-1]
    many = small_disk(command, "a.png", "b.png", "-o", "out", "--json")
    assert many.returncode == 1
    assert [json.loads(line)["exit_code"] for line in many.stdout.splitlines()] == [4, 4]
    assert "Traceback" not in one.stderr + many.stderr
    assert {path.name for path in tmp_path.iterdir()} == before | {"out"}
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("command", ["inpaint", "denoise"])
def test_a_place_that_cannot_be_written(run, mask, tmp_path, command):
    image().save(tmp_path / "a.png")
    how = ("--mask", mask, "--mask-mode", "white", *QUICK) if command == "inpaint" else ("--method", "tv")
    for position in ("/proc/nowhere/a.png", mask / "a.png", tmp_path / ("long" * 100 + ".png")):
        result = run(command, tmp_path / "a.png", "-o", position, *how)
        assert result.exit_code == 4
        assert result.stderr.count("\n") == 1
