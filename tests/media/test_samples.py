"""The sample pictures are the registered ones, all of them, licensed, sized and paired."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAMPLES = Path(__file__).parents[2] / "sample_images"
FILES = tomllib.loads((SAMPLES / "REGISTRY.toml").read_text(encoding="utf-8"))["files"]
BY_NAME = {entry["file"]: entry for entry in FILES}


def pixels(name: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / name))


def test_no_file_is_unlisted_or_missing() -> None:
    present = {path.name for path in SAMPLES.iterdir() if path.is_file()}
    assert present - {"make_samples.py", "REGISTRY.toml"} == set(BY_NAME)
    assert len(FILES) == len(BY_NAME)


def test_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 2.5e6


@pytest.mark.parametrize("name", BY_NAME)
def test_file_is_as_registered(name: str) -> None:
    entry = BY_NAME[name]
    assert hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest() == entry["sha256"]
    assert entry["licence"] in ("CC0-1.0", "public domain")
    assert all(entry[key] for key in ("origin", "author", "made"))
    assert pixels(name).shape[:2] == (300, 300)


@pytest.mark.parametrize("name", [name for name in BY_NAME if BY_NAME[name]["kind"] == "damaged"])
def test_damage_is_where_the_mask_says_and_nowhere_else(name: str) -> None:
    picture, _, damage = name.removesuffix(".png").partition("_")
    mask = pixels(f"mask_{damage}.png")
    broken, whole = pixels(name), pixels(f"{picture}.png")
    np.testing.assert_array_equal(broken[mask == 0], whole[mask == 0])
    assert len(np.unique(broken[mask == 255].reshape((mask == 255).sum(), -1), axis=0)) == 1
    assert 0.01 < (mask > 0).mean() < 0.6


def test_text_mask_is_anti_aliased() -> None:
    mask = pixels("mask_text.png")
    assert ((mask > 0) & (mask < 255)).mean() > 0.005
