"""Hundreds of pictures, many of them damaged: none may end a batch, leave a trace, or show a traceback."""

from __future__ import annotations

import io
import json
import random
from collections import Counter

import numpy as np
import pytest
from PIL import Image

KINDS = {"PNG": "png", "JPEG": "jpg", "TIFF": "tif", "BMP": "bmp", "GIF": "gif", "WEBP": "webp", "PPM": "ppm"}
EACH = 72
SHAPE = (40, 48)
QUICK = ("--prior", "global", "--steps", "2", "--held-out", "0")


def picture():
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
            picture().save(stream, kind)
            data = stream.getvalue()
        for number in range(EACH):
            (folder / f"{extension}{number:02}.{extension}").write_bytes(damage(data, chance, number))
    (folder / "zero.png").touch()
    Image.fromarray(np.full(SHAPE, np.nan, np.float32)).save(folder / "nan.tif")
    Image.new("L", (1, 1)).save(folder / "one.png")
    Image.new("RGB", (20000, 3)).save(folder / "wide.png")
    Image.new("CMYK", SHAPE[::-1]).save(folder / "cmyk.tif")
    return folder


@pytest.mark.parametrize("command", ["inpaint", "denoise"])
def test_no_file_ends_the_batch(run, hostile, mask, tmp_path, command):
    how = (
        ("--mask", mask, "--mask-mode", "white", *QUICK) if command == "inpaint" else ("--method", "wavelet")
    )
    out = tmp_path / "out"
    result = run(command, hostile, "-o", out, "--jobs", "1", "--json", *how)
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(records) == len(KINDS) * EACH + 5
    assert result.exit_code == 1
    assert "internal error" not in result.stderr
    codes = Counter(record.get("exit_code") for record in records)
    assert set(codes) == {None, 3}
    assert codes[3] > 300
    # What is said to be done is there and can be read, and nothing else is.
    done = {record["output"] for record in records if record["status"] == "ok"}
    assert {str(path) for path in out.iterdir()} == done
    for name in done:
        with Image.open(name) as written:
            written.load()


def test_two_hundred_pictures_and_ten_bad_ones(run, mask, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(200):
        path = folder / f"{number:03}.bmp"
        picture().save(path)
        if number % 20 == 7:
            path.write_bytes(path.read_bytes()[:99])
    result = run("inpaint", folder, "--mask", mask, "--mask-mode", "white", "-o", out, *QUICK)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("190 done, 10 failed, ")
    assert len(list(out.iterdir())) == 190
