"""Images and damage: the layouts that are understood, and the protocol of Table 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench.cases import Data
from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.metrics import psnr

SAMPLES = Path(__file__).parents[2] / "sample_images"
TABLE1 = Path(__file__).parents[2].parent / "shared" / "data" / "table1"


def write(path, side_px=20):
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((side_px, side_px + 4, 3), 200, np.uint8)).save(path)


def test_a_plain_folder_in_the_order_of_numbers(tmp_path):
    for name in ("10.png", "2.png", "b.png", "a2.png", "a10.png"):
        write(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    assert Data(tmp_path).images == ["2", "10", "a2", "a10", "b"]


def test_the_registry_tells_images_from_masks():
    assert Data(SAMPLES).images == ["brick", "cat", "coffee", "rocket"]


@pytest.mark.parametrize("corruption", ["drop30", "block", "text"])
def test_damage_without_mask_files(tmp_path, corruption):
    write(tmp_path / "1.png", 64)
    case = Data(tmp_path).case("1", corruption, 0)
    assert case.clean.shape == (64, 68, 3)
    assert case.known.shape == (64, 68)
    assert 0.03 < 1 - case.known.mean() < 0.4
    assert (case.damaged[~case.known] == 0).all()
    assert (case.damaged[case.known] == case.clean[case.known]).all()


def test_crops_the_centre(tmp_path):
    pixels = np.arange(20 * 24, dtype=np.uint16).astype(np.uint8).reshape(20, 24)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    case = Data(tmp_path, crop_px=8).case("1", "drop50", 0)
    assert (np.rint(case.clean[..., 0] * 255) == pixels[6:14, 8:16]).all()
    assert Data(tmp_path, crop_px=99).case("1", "drop50", 0).clean.shape == (20, 24, 1)


def test_the_fingerprint_sees_every_byte(tmp_path):
    write(tmp_path / "1.png")
    data = Data(tmp_path)
    before = data.fingerprints(["1"])
    assert data.fingerprints(["1"]) == before
    write(tmp_path / "1.png", 21)
    assert data.fingerprints(["1"]).keys() == before.keys() == {"1"}
    assert data.fingerprints(["1"]) != before


@pytest.mark.parametrize("content", ["nonsense", "[[files]]\nfile = 'a.png'", "files = 3"])
def test_a_broken_registry(tmp_path, content):
    write(tmp_path / "a.png")
    (tmp_path / "REGISTRY.toml").write_text(content)
    with pytest.raises(InputError, match="is no registry"):
        Data(tmp_path)


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="has no images"):
        Data(tmp_path)
    with pytest.raises(InputError, match="is not a folder"):
        Data(tmp_path / "absent")
    write(tmp_path / "1.png")
    with pytest.raises(UsageError, match="no image '2'"):
        Data(tmp_path).choose(["1", "2"])
    with pytest.raises(UsageError, match="unknown corruption 'drop100'"):
        Data(tmp_path).case("1", "drop100", 0)


@pytest.mark.shared
def test_black_holes_give_the_printed_nuclear_cell():
    """The cell "nuclear, block" of the paper, 17.89 dB, is that of no restoration at all."""
    if not TABLE1.is_dir():
        pytest.skip("needs the development data sets")
    data = Data(TABLE1)
    cases = [data.case(image, "block", 0) for image in data.images]
    values = [psnr(case.damaged, case.clean, data_range=1.0) for case in cases]
    assert len(values) == 11
    assert np.mean(values) == pytest.approx(17.8965, abs=1e-4)
