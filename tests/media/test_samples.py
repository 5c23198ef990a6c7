"""The samples are the registered ones, all of them, licensed, sized and paired; the clip is its script's."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation

from edlrr_cli.media.video_sources import open_video

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SAMPLES = Path(__file__).parents[2] / "sample_images"
FILES = tomllib.loads((SAMPLES / "REGISTRY.toml").read_text(encoding="utf-8"))["files"]
BY_NAME = {entry["file"]: entry for entry in FILES}
STILLS = [name for name in BY_NAME if BY_NAME[name]["kind"] in ("picture", "mask", "damaged", "noisy")]
SOME_FRAMES = range(0, 120, 17)


def pixels(name: str) -> np.ndarray:
    return np.asarray(Image.open(SAMPLES / name))


def frames(name: str) -> np.ndarray:
    return np.stack([frame.pixels for frame in open_video(SAMPLES / name).frames()])


def test_no_file_is_unlisted_or_missing() -> None:
    present = {path.name for path in SAMPLES.iterdir() if path.is_file() and path.suffix != ".py"}
    assert present - {"REGISTRY.toml"} == set(BY_NAME)
    assert len(FILES) == len(BY_NAME)


def test_folder_is_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 2.5e6


@pytest.mark.parametrize("name", BY_NAME)
def test_file_is_as_registered(name: str) -> None:
    entry = BY_NAME[name]
    assert hashlib.sha256((SAMPLES / name).read_bytes()).hexdigest() == entry["sha256"]
    assert entry["licence"] in ("CC0-1.0", "public domain")
    assert all(entry[key] for key in ("origin", "author", "made"))


@pytest.mark.parametrize("name", STILLS)
def test_stills_are_of_one_size(name: str) -> None:
    assert pixels(name).shape[:2] == (300, 300)


@pytest.mark.parametrize("name", [name for name in BY_NAME if BY_NAME[name]["kind"] == "damaged"])
def test_damage_is_where_the_mask_says_and_nowhere_else(name: str) -> None:
    image, _, damage = name.removesuffix(".png").partition("_")
    mask = pixels(f"mask_{damage}.png")
    broken, whole = pixels(name), pixels(f"{image}.png")
    np.testing.assert_array_equal(broken[mask == 0], whole[mask == 0])
    assert len(np.unique(broken[mask == 255].reshape((mask == 255).sum(), -1), axis=0)) == 1
    assert 0.01 < (mask > 0).mean() < 0.6


def test_the_noisy_image_has_the_noise_that_it_says() -> None:
    noise = pixels("cat_noise25.png").astype(float) - pixels("cat.png")
    inside = (pixels("cat.png") > 100) & (pixels("cat.png") < 155)  # four deviations from black and white
    assert noise[inside].std() == pytest.approx(25, rel=0.02)
    assert abs(noise[inside].mean()) < 0.5


def test_text_mask_is_anti_aliased() -> None:
    mask = pixels("mask_text.png")
    assert ((mask > 0) & (mask < 255)).mean() > 0.005


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SAMPLES)
        return importlib.import_module("make_clip")


@pytest.fixture(scope="module")
def scenes(script: ModuleType) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    stage = script.yard(), script.cast()
    return {index: script.scene(index, *stage) for index in SOME_FRAMES}


@pytest.fixture(scope="module")
def decoded(script: ModuleType) -> np.ndarray:
    return frames(script.CLIP).astype(float)


def test_the_script_makes_the_truth_and_the_background(script, scenes) -> None:
    truth = frames(script.TRUTH)
    assert truth.shape == (120, 240, 320, 1)
    for index, (_, made) in scenes.items():
        np.testing.assert_array_equal(truth[index, ..., 0], made)
    np.testing.assert_array_equal(pixels(script.BACKGROUND), script.yard())


def test_the_script_makes_the_clip_up_to_its_compression(script, scenes, decoded) -> None:
    assert decoded.shape == (120, 240, 320, 3)
    assert open_video(SAMPLES / script.CLIP).info.frame_rate == 25
    for index, (frame, truth) in scenes.items():
        error = np.abs(decoded[index] - script.exposed(index, frame))
        assert error.mean() < 5  # 3.4 to 4.4, noise for the most part
        # 5.0 to 6.6; above 18 against the next frame.
        assert error[truth == script.MOVING].mean() < 9


def test_static_is_background_shadow_is_darker_and_moving_is_neither(script, scenes) -> None:
    background = pixels(script.BACKGROUND).astype(float)
    for frame, truth in scenes.values():
        # Along its outline an actor covers less than half of a pixel, which is not labelled moving then.
        clear = ~binary_dilation(truth == script.MOVING, np.ones((5, 5)))
        static, shadow = clear & (truth == script.STATIC), clear & (truth == script.SHADOW)
        same = np.isclose(frame[static], background[static], rtol=script.FAINTEST_SHADE)
        assert same.mean() > 0.9999  # the tips of ears are thinner than a pixel
        fraction = frame[shadow] / background[shadow]
        assert (fraction < 1 - script.FAINTEST_SHADE).all()
        np.testing.assert_allclose(fraction, fraction[:, :1].repeat(3, axis=1))
        moving = truth == script.MOVING
        assert np.abs(frame - background)[moving].mean() > 30


def test_static_pixels_of_the_clip_are_the_background_in_its_light(script, scenes, decoded) -> None:
    background = pixels(script.BACKGROUND).astype(float)
    for index, (_, truth) in scenes.items():
        static = truth == script.STATIC
        error = np.abs(decoded[index] - script.light()[index] * background)[static]
        assert error.mean() < 4.5  # 2.6 to 3.7; the light alone makes up to 7


def test_every_pixel_shows_the_background_most_of_the_time(script) -> None:
    moving = frames(script.TRUTH) == script.MOVING
    assert moving.mean(axis=0).max() < 0.45
    assert moving.any(axis=(1, 2, 3)).all()
