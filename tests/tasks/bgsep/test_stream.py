"""Made videos, a textured background, something that moves and noise, and what is found in them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest
from scipy import ndimage

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.metrics.detection import MOVING, STATIC, UNKNOWN, count
from edlrr_cli.tasks.bgsep.config import Config
from edlrr_cli.tasks.bgsep.stream import Separation


@dataclass
class Frame:
    pixels: np.ndarray


@dataclass
class Info:
    size_px: tuple[int, int]
    peak: int
    num_frames: int


class Clip:
    """Frames in memory, read as a video is."""

    def __init__(self, frames, *, claimed=None):
        self.array = frames
        peak = 255 if frames.dtype == np.uint8 else 65535
        self.info = Info(frames.shape[1:3], peak, claimed or len(frames))

    def frames(self, *, start=0, every=1):
        return islice(map(Frame, self.array), start, None, every)


@dataclass
class Scene:
    """A video with its truth."""

    clip: Clip
    background: np.ndarray
    masks: np.ndarray


def texture(height, width, channels=3):
    rows, columns = np.mgrid[:height, :width]
    waves = [np.sin(rows / (3 + c)) * np.cos(columns / (4 - c)) for c in range(channels)]
    return 120 + 30 * np.stack(waves, axis=-1)


def scene(positions, *, size=(36, 48), channels=3, side=9, light=0.0, dtype=np.uint8, seed=0):
    """Paint a white square at each (row, column) on the texture; none where the position is None."""
    rng = np.random.default_rng(seed)
    background = texture(*size, channels)
    frames, masks = [], []
    for index, position in enumerate(positions):
        mask = np.zeros(size, bool)
        if position is not None:
            mask[position[0] : position[0] + side, position[1] : position[1] + side] = True
        lit = background * (1 + light * np.sin(index / 10))
        painted = np.where(mask[..., None], 235.0, lit) + rng.normal(0, 2, lit.shape)
        frames.append(painted.clip(0, 255))
        masks.append(mask)
    scale = 1 if dtype == np.uint8 else 257
    return Scene(Clip((np.stack(frames) * scale).round().astype(dtype)), background, np.stack(masks))


def crossing(count, width=48, side=9):
    """Return the positions of a square that crosses the image again and again."""
    return [(12, (index * 2) % (width - side)) for index in range(count)]


@pytest.fixture(scope="session")
def moving():
    return scene(crossing(120), light=0.05)


def split(clip, *, start=0, **settings):
    return list(Separation(clip, Config(device="cpu", **settings), start=start))


def f_measure(splits, masks):
    """Return F, the pixels along outlines left out, as the field's benchmarks do."""
    around = ndimage.binary_dilation(masks, np.ones((1, 3, 3))) & ~masks
    truths = np.where(masks, MOVING, np.where(around, UNKNOWN, STATIC))
    counts = [count(one.mask, truth) for one, truth in zip(splits, truths, strict=True)]
    return sum(counts[1:], counts[0]).scores()["f_measure"]


@pytest.mark.parametrize("method", ["lrr", "median"])
def test_it_finds_what_moves(moving, method):
    splits = split(moving.clip, method=method)
    assert [one.index for one in splits] == list(range(120))
    assert f_measure(splits, moving.masks) > 0.95


def test_the_background_follows_the_light(moving):
    splits = split(moving.clip)
    truth = moving.background * (1 + 0.05 * np.sin(np.arange(120) / 10))[:, None, None, None]
    backgrounds = np.stack([one.background for one in splits])
    assert np.abs(backgrounds - truth).mean() < 1.0


@pytest.mark.parametrize("fit", ["subspace", "full"])
def test_windows_agree_with_the_whole(moving, fit):
    whole = split(moving.clip, fit=fit, window=120)
    parts = split(moving.clip, fit=fit, window=60, overlap=30)
    off = np.mean([(a.mask != b.mask).mean() for a, b in zip(whole, parts, strict=True)])
    assert off < 0.01
    assert abs(f_measure(whole, moving.masks) - f_measure(parts, moving.masks)) < 0.01


def test_no_jump_at_the_border_of_a_window():
    still = scene(crossing(90))
    splits = split(still.clip, window=30, overlap=15)
    backgrounds = np.stack([one.background.astype(float) for one in splits])
    assert np.abs(np.diff(backgrounds, axis=0)).mean(axis=(1, 2, 3)).max() < 0.5


@pytest.mark.parametrize("start", [1, 40, 77, 119])
def test_where_it_starts_makes_no_difference(moving, start):
    settings = {"window": 50, "overlap": 20}
    whole, rest = split(moving.clip, **settings)[start:], split(moving.clip, start=start, **settings)
    assert [one.index for one in rest] == [one.index for one in whole]
    off = np.mean([(a.mask != b.mask).mean() for a, b in zip(whole, rest, strict=True)])
    assert off == 0


def test_a_ghost_is_distinguished_from_the_wall_behind_it():
    positions = [(14, 6)] * 50 + [(14, 6 + 2 * step) for step in range(1, 15)] + [None] * 16
    ghost = scene(positions)
    splits = split(ghost.clip)
    assert f_measure(splits, ghost.masks) > 0.85
    assert np.abs(splits[0].background - ghost.background).mean() < 2
    median = split(ghost.clip, method="median")
    assert f_measure(median, ghost.masks) < 0.6


def test_what_pauses_stays_foreground():
    positions = [(12, 2 * step) for step in range(10)] + [(12, 20)] * 15
    positions += [(12, 20 + 2 * step) for step in range(9)] + [None] * 20
    pausing = scene(positions)
    assert f_measure(split(pausing.clip), pausing.masks) > 0.9


@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint16), (1, np.uint16)])
def test_gray_and_deep_videos(channels, dtype):
    deep = scene(crossing(40), channels=channels, dtype=dtype)
    splits = split(deep.clip)
    assert splits[0].background.dtype == dtype
    assert splits[0].background.shape == (36, 48, channels)
    assert f_measure(splits, deep.masks) > 0.85


@pytest.mark.parametrize("method", ["mog2", "knn"])
def test_subtractors_learn_from_frame_to_frame(method):
    pytest.importorskip("cv2")
    late = scene([None] * 60 + crossing(20))
    splits = split(late.clip, method=method)
    assert len(splits) == 80
    assert splits[0].difference is None
    assert [one.index for one in split(late.clip, method=method, start=70)] == list(range(70, 80))
    assert f_measure(splits[60:], late.masks[60:]) > 0.25


def test_a_fixed_threshold_and_small_blobs():
    still = scene(crossing(20))
    assert not any(one.mask.any() for one in split(still.clip, threshold=250))
    assert not any(one.mask.any() for one in split(still.clip, min_blob_px=36 * 48))


def test_two_frames_are_enough_and_one_is_not():
    still = scene([None, (5, 5)])
    assert len(split(still.clip)) == 2
    with pytest.raises(InputError, match="single frame"):
        split(Clip(still.clip.array[:1]))


def test_a_file_may_have_fewer_frames_than_it_says(moving):
    clip = Clip(moving.clip.array[:50], claimed=52)
    assert len(split(clip, window=20, overlap=10)) == 50


def test_windows_are_reported(moving):
    separation = Separation(moving.clip, Config(window=60, overlap=20))
    list(separation)
    assert [(window.start, window.stop) for window in separation.windows] == [(0, 60), (30, 90), (60, 120)]
    assert all(window.rank >= 1 and 0 < window.sparsity <= 1 for window in separation.windows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "lr"}, "did you mean"),
        ({"solver": "ialm", "reg": "exact-log"}, "nuclear"),
        ({"window": 1}, "window must be 2 or more"),
        ({"window": 10, "overlap": 6}, "overlap must be between 0 and half the window"),
        ({"threshold": 0.0}, "threshold must be between 0 and 255"),
        ({"lam": -1.0}, "lam must be more than 0"),
        ({"steps": 0}, "steps must be 1 or more"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(UsageError, match=message):
        Config(**settings)


def cluttered(count=80, size=(48, 64), seed=3):
    """A wall that different boards cover most of the time, each for a few frames, at most pixels."""
    rng = np.random.default_rng(seed)
    bare = scene([None] * count, size=size)
    frames, masks = bare.clip.array.copy(), np.zeros((count, *size), bool)
    for index in range(count):
        if index % 4:
            board = rng.integers(0, 90, (size[0] // 4, size[1] // 4, 3)).repeat(4, axis=0).repeat(4, axis=1)
            masks[index, 6:, 10:54] = True
            frames[index][masks[index]] = board[masks[index]]
    return Scene(Clip(frames), bare.background, masks)


def test_what_objects_cover_most_of_the_time_is_still_background():
    busy = cluttered()
    splits = split(busy.clip)
    assert np.abs(splits[0].background - busy.background).mean() < 3
    assert f_measure(splits, busy.masks) > 0.9
    median = split(busy.clip, method="median")
    assert np.abs(median[0].background - busy.background).mean() > 10


def shaken(count=60):
    """A square that crosses a texture without periods, seen by a camera that shakes."""
    rng = np.random.default_rng(5)
    noise = ndimage.gaussian_filter(rng.standard_normal((80, 100, 3)), (1.5, 1.5, 0))
    wall, frames, masks = 120 + 35 * noise / noise.std(), [], []
    for index in range(count):
        mask = np.zeros((80, 100), bool)
        mask[30:42, 20 + index % 50 : 32 + index % 50] = True
        down, across = rng.integers(-3, 4, 2)
        position = (slice(10 + down, 70 + down), slice(10 + across, 90 + across))
        frames.append(np.where(mask[..., None], 190.0, wall)[position] + rng.normal(0, 2, (60, 80, 3)))
        masks.append(mask[position])
    return Scene(Clip(np.stack(frames).clip(0, 255).round().astype(np.uint8)), wall, np.stack(masks))


def test_shake_of_the_camera_is_removed():
    moved = shaken()
    separation = Separation(moved.clip, Config(device="cpu"))
    assert f_measure(list(separation), moved.masks) > 0.9
    (window,) = separation.windows
    assert window.stabilized
    assert 1 < window.shake_px < 5
    off = Separation(moved.clip, Config(device="cpu", stabilize="off"))
    assert f_measure(list(off), moved.masks) < 0.8
    assert (off.windows[0].stabilized, off.windows[0].shake_px) == (False, None)


def test_a_shaken_video_is_the_same_from_any_start():
    moved = shaken(40)
    settings = {"window": 24, "overlap": 10}
    whole, rest = split(moved.clip, **settings)[17:], split(moved.clip, start=17, **settings)
    for one, other in zip(whole, rest, strict=True):
        assert (one.mask == other.mask).all()
        assert np.abs(one.background.astype(int) - other.background).max() <= 1


def split_known(clip, **known):
    separation = Separation(clip, Config(device="cpu"), **known)
    return list(separation), separation.windows


@pytest.mark.parametrize("method", ["lrr", "median"])
def test_what_is_ignored_changes_nothing(method):
    still = scene(crossing(40))
    ignored = np.zeros((36, 48), bool)
    ignored[:, 28:] = True
    noisy = still.clip.array.copy()
    noisy[:, ignored] = np.random.default_rng(1).integers(0, 255, noisy[:, ignored].shape)
    config = Config(device="cpu", method=method)
    quiet, loud = (
        list(Separation(Clip(each), config, ignored=ignored)) for each in (still.clip.array, noisy)
    )
    for one, other, frame in zip(quiet, loud, noisy, strict=True):
        np.testing.assert_array_equal(one.mask, other.mask)
        np.testing.assert_array_equal(one.background[~ignored], other.background[~ignored])
        np.testing.assert_array_equal(other.background[ignored], frame[ignored])
        assert not one.mask[ignored].any()
    assert f_measure(quiet, still.masks & ~ignored) > 0.95


def test_no_hole_is_filled_where_pixels_do_not_count():
    positions = [(8, 20)] * 6 + [None] * 24
    ring = scene(positions, side=20)
    ignored = np.zeros((36, 48), bool)
    ignored[16:20, 28:32] = True
    splits, _ = split_known(ring.clip, ignored=ignored)
    assert not any(each.mask[ignored].any() for each in splits)
    assert splits[0].mask[10, 22]


def test_what_is_ignored_does_not_move_the_camera():
    """A display that covers most of the frame stands still while the camera shakes."""
    moved = shaken()
    ignored = np.zeros((60, 80), bool)
    ignored[4:56, 34:] = True
    shown = moved.clip.array.copy()
    rng = np.random.default_rng(0)
    shown[:, ignored] = rng.integers(0, 255, shown[0, ignored].shape, dtype=np.uint8)
    _, (without,) = split_known(Clip(shown))
    assert not without.stabilized
    splits, (window,) = split_known(Clip(shown), ignored=ignored)
    assert window.stabilized
    away = ~ndimage.binary_dilation(ignored, iterations=4)
    pairs = zip(splits, split(moved.clip), strict=True)
    assert np.mean([(one.mask != other.mask)[away].mean() for one, other in pairs]) < 0.002


def test_what_never_moves_is_found_before_a_given_background():
    asleep = scene([(12, 20)] * 40, light=0.1)
    assert not any(each.mask.any() for each in split_known(asleep.clip)[0])
    splits, _ = split_known(asleep.clip, background=asleep.background / 255)
    assert f_measure(splits, asleep.masks) > 0.95


@pytest.mark.parametrize(("down", "across"), [(0, 0), (3, -2)])
def test_a_given_background_follows_the_camera(down, across):
    """Also if it was taken before the camera was touched."""
    moved = shaken(40)
    given = moved.background[10 + down : 70 + down, 10 + across : 90 + across]
    splits, (window,) = split_known(moved.clip, background=given / 255)
    assert window.stabilized
    assert window.background_px < 6
    assert f_measure(splits, moved.masks) > 0.9
