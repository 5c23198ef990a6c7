"""Sequences in the layouts of CDnet and SBI, written by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.bench.sequences import Excerpt, choose, find_sequences, first_frames, read_scene
from edlrr_cli.errors import InputError, UsageError

HEIGHT_PX, WIDTH_PX = 6, 8
LABELS = (0, 50, 85, 170, 255)


def write(path, pixels, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    (image if mode is None else image.convert(mode)).save(path)


def sequence(folder, numbers, masks=None):
    """Frames whose pixels are their number, and masks."""
    for number in numbers:
        write(folder / "input" / f"in{number:06d}.png", np.full((HEIGHT_PX, WIDTH_PX, 3), number % 256))
    for number in numbers if masks is None else masks:
        labels = np.resize(LABELS, (HEIGHT_PX, WIDTH_PX))
        write(folder / "groundtruth" / f"gt{number:06d}.png", labels)
    return folder


def test_a_folder_of_sequences_or_one_of_them(tmp_path):
    for name in ("b10", "b2"):
        sequence(tmp_path / name, [1])
    (tmp_path / "notes").mkdir()
    found = find_sequences(tmp_path)
    assert list(found) == ["b2", "b10"]
    assert find_sequences(tmp_path / "b2") == {"b2": tmp_path / "b2"}
    assert list(choose(found, ["b10"])) == ["b10"]
    assert choose(found, None) == found
    with pytest.raises(UsageError, match="no sequence 'b3'"):
        choose(found, ["b3"])
    with pytest.raises(InputError, match="no NAME/input in it"):
        find_sequences(tmp_path / "notes")


def test_frames_and_masks_meet_by_their_numbers_within_the_range(tmp_path):
    folder = sequence(tmp_path, range(95, 106), masks=[90, 96, 98, 99, 103, 105])
    (folder / "temporalROI.txt").write_text("97 104\n")
    scene = read_scene(folder)
    assert {position: path.name for position, path in scene.masks.items()} == {
        3: "gt000098.png",
        4: "gt000099.png",
        8: "gt000103.png",
    }
    assert (scene.region, scene.background, scene.notes) == (None, None, ())
    assert (scene.truth(3) == np.resize(LABELS, (HEIGHT_PX, WIDTH_PX))).all()


def test_without_a_range_all_masks_count(tmp_path):
    scene = read_scene(sequence(tmp_path, range(10)))
    assert list(scene.masks) == list(range(10))
    assert scene.spread(99) == list(range(10))
    assert scene.spread(4) == [0, 3, 6, 9]


def test_a_mask_in_a_palette_counts_by_its_colors(tmp_path):
    folder = sequence(tmp_path, [0, 1])
    mask = Image.fromarray(np.resize(np.array([0, 1], np.uint8), (HEIGHT_PX, WIDTH_PX)), mode="P")
    mask.putpalette([0, 0, 0, 255, 255, 255])
    mask.save(folder / "groundtruth" / "gt000000.png")
    assert set(np.unique(read_scene(folder).truth(0))) == {0, 255}


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGB"])
def test_regions_of_every_kind(tmp_path, mode):
    region = np.zeros((HEIGHT_PX, WIDTH_PX))
    region[:, 3:] = 255
    write(sequence(tmp_path, [1]) / "ROI.bmp", region, mode)
    assert (read_scene(tmp_path).region == (region > 0)).all()


def test_what_does_not_fit_is_ignored_with_a_note(tmp_path):
    folder = sequence(tmp_path, [1])
    write(folder / "ROI.bmp", np.zeros((HEIGHT_PX, WIDTH_PX + 2)), "1")
    write(folder / "background.png", np.zeros((HEIGHT_PX, WIDTH_PX)))
    scene = read_scene(folder)
    assert (scene.region, scene.background) == (None, None)
    assert scene.notes == (
        "ROI.bmp is ignored: it is 6 x 10, the frames are 6 x 8",
        "background.png is ignored: it is 6 x 8 x 1, the frames are 6 x 8 x 3",
    )


def test_the_true_background(tmp_path):
    colors = np.arange(HEIGHT_PX * WIDTH_PX * 3).reshape(HEIGHT_PX, WIDTH_PX, 3)
    write(sequence(tmp_path, [1]) / "background.png", colors)
    assert (read_scene(tmp_path).background == colors).all()


def test_some_frames_are_a_video(tmp_path):
    video = read_scene(sequence(tmp_path, range(6))).video
    excerpt = Excerpt(video, (5, 1, 3))
    assert excerpt.info.num_frames == 3
    assert [frame.pixels[0, 0, 0] for frame in excerpt.frames()] == [5, 1, 3]
    assert [frame.pixels[0, 0, 0] for frame in excerpt.frames(start=1, every=2)] == [1]
    assert first_frames(video, 8).indices == (0, 1, 2, 3, 4, 5, 0, 1)


def test_refusals(tmp_path):
    folder = sequence(tmp_path, [1], masks=[])
    with pytest.raises(InputError, match="is no folder of masks"):
        read_scene(folder)
    sequence(tmp_path, [1], masks=[2])
    with pytest.raises(InputError, match="no frame has a mask"):
        read_scene(folder)
    (folder / "temporalROI.txt").write_text("one")
    with pytest.raises(InputError, match="does not hold two numbers"):
        read_scene(folder)
    write(folder / "groundtruth" / "mask.png", np.zeros((2, 2)))
    with pytest.raises(InputError, match="has no number in its name"):
        read_scene(folder)
