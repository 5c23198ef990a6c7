"""Frames split from Python: arrays, and iterators such as cameras."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import edlrr_cli
from edlrr_cli.errors import InputError, UsageError

NUM_FRAMES, HEIGHT, WIDTH = 60, 36, 48
SETTINGS = {"device": "cpu", "window": 20, "overlap": 10}


def made(num_frames=NUM_FRAMES, channels=3):
    """A bright square that crosses a textured wall, with noise."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    wall = 110 + 30 * np.sin(rows / 3) * np.cos(columns / 4)
    frames = np.repeat(
        (wall[None, ..., None] + rng.normal(0, 2, (num_frames, HEIGHT, WIDTH, 1))), channels, 3
    )
    masks = np.zeros((num_frames, HEIGHT, WIDTH), bool)
    for index in range(num_frames):
        left = 2 * index % (WIDTH - 9)
        masks[index, 12:21, left : left + 9] = True
    frames[masks] = 235
    return frames.clip(0, 255).round().astype(np.uint8), masks


FRAMES, MASKS = made()


def same(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for layer, its in zip(one, other, strict=True):
            np.testing.assert_array_equal(layer, its)


@pytest.fixture(scope="module")
def split():
    return list(edlrr_cli.separate(FRAMES, **SETTINGS))


def test_an_array_is_split(split):
    assert len(split) == NUM_FRAMES
    for frame, truth, (background, foreground, mask) in zip(FRAMES, MASKS, split, strict=True):
        assert (background.shape, background.dtype) == (frame.shape, np.uint8)
        assert (mask == truth).mean() > 0.98
        np.testing.assert_array_equal(foreground, np.where(mask[..., None], frame, 0))
        assert np.abs(background.astype(int) - frame)[~truth].mean() < 4


def test_an_iterator_gives_the_same_where_the_windows_are_the_same(split):
    same(list(edlrr_cli.separate(iter(FRAMES), **SETTINGS)), split)
    same(list(edlrr_cli.separate(list(FRAMES), **SETTINGS)), split)


def test_a_stream_shorter_than_a_window_is_as_an_array():
    same(
        list(edlrr_cli.separate(iter(FRAMES[:15]), **SETTINGS)),
        list(edlrr_cli.separate(FRAMES[:15], **SETTINGS)),
    )


@pytest.mark.parametrize("num_frames", [21, 37])
def test_the_end_of_a_stream_has_a_whole_window(num_frames):
    found = list(edlrr_cli.separate(iter(FRAMES[:num_frames]), **SETTINGS))
    assert len(found) == num_frames
    assert all((each.mask == truth).mean() > 0.98 for each, truth in zip(found, MASKS, strict=False))


@pytest.mark.parametrize("overlap", [0, 10])
def test_a_stream_is_read_one_window_ahead(overlap):
    read = 0

    def camera():
        nonlocal read
        while True:  # never ends
            yield FRAMES[read % NUM_FRAMES]
            read += 1

    layers = edlrr_cli.separate(camera(), device="cpu", window=20, overlap=overlap)
    for yielded in range(1, 70):
        next(layers)
        assert read - yielded < 20 + 8 + 2  # a window, a batch, and the frames that decide on the end


def test_a_camera_may_use_the_memory_of_a_frame_again(split):
    def camera():
        memory = np.empty_like(FRAMES[0])
        for frame in FRAMES:
            memory[:] = frame
            yield memory

    same(list(edlrr_cli.separate(camera(), **SETTINGS)), split)


def test_subtractors_answer_at_once():
    pytest.importorskip("cv2")
    frames = iter(FRAMES)
    layers = edlrr_cli.separate(frames, method="mog2")
    next(layers)
    assert len(list(frames)) == NUM_FRAMES - 2


@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (HEIGHT, WIDTH, 1)])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_gray_and_deep_frames_keep_their_kind(shape, dtype):
    scale = 257 if dtype == np.uint16 else 1 / 255
    frames = (made(24, channels=1)[0] * np.float64(scale)).astype(dtype).reshape(24, *shape)
    for frame, truth, layers in zip(frames, MASKS, edlrr_cli.separate(frames, device="cpu"), strict=False):
        assert {(layer.shape, layer.dtype) for layer in layers[:2]} == {(shape, frame.dtype)}
        assert (layers.mask == truth).mean() > 0.97


def test_what_is_known_about_the_scene():
    ignored = np.zeros((HEIGHT, WIDTH), bool)
    ignored[:, 24:] = True
    noisy = FRAMES[:30].copy()
    noisy[:, ignored] = np.random.default_rng(1).integers(0, 255, noisy[:, ignored].shape)
    for (one, other), frame in zip(
        zip(
            *(edlrr_cli.separate(each, device="cpu", ignore=ignored) for each in (FRAMES[:30], noisy)),
            strict=True,
        ),
        noisy,
        strict=True,
    ):
        np.testing.assert_array_equal(one.mask, other.mask)
        assert not one.mask[ignored].any()
        np.testing.assert_array_equal(one.background[~ignored], other.background[~ignored])
        np.testing.assert_array_equal(other.background[ignored], frame[ignored])
    still = np.repeat(FRAMES[:1], 20, axis=0)
    empty = np.where(MASKS[0][..., None], FRAMES[30], FRAMES[0])
    assert not any(each.mask.any() for each in edlrr_cli.separate(still, device="cpu"))
    for each in edlrr_cli.separate(still, device="cpu", background=empty):
        assert (each.mask == MASKS[0]).mean() > 0.98


def test_the_state_of_the_caller_is_left_alone():
    with torch.inference_mode():
        layers = edlrr_cli.separate(iter(FRAMES[:20]), device="cpu")
        next(layers)
        assert torch.is_inference_mode_enabled()
        assert len(list(layers)) == 19


@pytest.mark.parametrize(
    ("frames", "settings", "message"),
    [
        (5, {}, "expected a file or frames, got int"),
        (np.empty((0, 8, 8)), {}, "expected two or more, got none"),
        (iter(()), {}, "expected two or more, got none"),
        (np.zeros((4, 8)), {}, r"expected frames of shape \(h, w\)"),
        (np.zeros((4, 8, 8, 4), np.uint8), {}, "expected 1 or 3 channels, got 4"),
        (np.zeros((4, 8, 8), np.int64), {}, "expected uint8, uint16 or floating, got int64"),
        ([np.zeros((8, 8), np.uint8), np.zeros((8, 9), np.uint8)], {}, r"expected uint8 of shape \(8, 8\)"),
        (np.full((4, 8, 8), np.nan), {}, "NaN or Inf"),
        (torch.zeros(4, 8, 8), {}, "expected a NumPy array, got Tensor"),
        (FRAMES, {"window": 1}, "window must be 2 or more"),
        (FRAMES, {"codec": "h264"}, "leave out the folder and the settings of files"),
        (FRAMES, {"objects": True}, "leave out the folder and the settings of files"),
        (FRAMES, {"ignore": np.zeros((3, 3), bool)}, "expected bool of shape"),
        (FRAMES, {"ignore": np.ones((HEIGHT, WIDTH), bool)}, "no pixel counts"),
        (FRAMES, {"background": np.zeros((3, 3, 3), np.uint8)}, "expected uint8 of shape"),
        (FRAMES, {"background": FRAMES[0], "method": "median"}, "method median takes no given background"),
        (FRAMES, {"background": FRAMES[0], "fit": "full"}, "fit full takes no given background"),
        ("clip.mp4", {}, "pass the folder, too"),
    ],
)
def test_what_is_refused(frames, settings, message):
    with pytest.raises(UsageError, match=message):
        list(edlrr_cli.separate(frames, **settings))


def test_one_frame_is_too_few():
    for frames in (FRAMES[:1], iter(FRAMES[:1])):
        with pytest.raises(InputError, match="single frame"):
            edlrr_cli.separate(frames)


def test_a_file_needs_files(tmp_path):
    with pytest.raises(UsageError, match="ignore: expected the name of a file"):
        edlrr_cli.separate(tmp_path / "clip.mp4", tmp_path / "out", ignore=np.zeros((3, 3), bool))


def test_a_later_frame_of_another_kind_is_refused_when_it_comes():
    frames = iter([*FRAMES[:25], FRAMES[0, :, :-1]])
    layers = edlrr_cli.separate(frames, **SETTINGS)
    next(layers)
    with pytest.raises(UsageError, match="as the first one"):
        list(layers)
