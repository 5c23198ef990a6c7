"""The videos that names, folders and patterns stand for."""

from __future__ import annotations

import pytest
from PIL import Image

from edlrr_cli.errors import InputError, UsageError
from edlrr_cli.pipelines.bgsep.sources import VideoSelection

FILES = ("a.mp4", "notes.txt", "sub/b.mkv", "sub/bad.avi")


@pytest.fixture
def folder(tmp_path):
    """A folder with a video, and a subfolder with two, beside a folder of frames."""
    made = tmp_path / "in"
    (made / "sub/walk").mkdir(parents=True)
    for name in FILES:
        (made / name).touch()
    for index in range(2):
        Image.new("L", (4, 4)).save(made / f"sub/walk/{index}.png")
    return made


def select(*names, recursive=False):
    return VideoSelection(names, recursive=recursive)


def test_videos_of_folders_and_patterns(folder):
    def found(*names, recursive=False):
        inputs = select(*(folder / name for name in names), recursive=recursive).find()
        return [(str(each.path.relative_to(folder)), str(each.folder)) for each in inputs]

    everything = [("a.mp4", "."), ("sub/b.mkv", "sub"), ("sub/bad.avi", "sub"), ("sub/walk", "sub")]
    assert sorted(found("", recursive=True)) == everything
    assert found("") == [("a.mp4", ".")]
    assert found("sub/walk") == [("sub/walk", ".")]
    assert found("sub/walk/*.png") == [("sub/walk/*.png", ".")]
    assert found("sub/*.mkv", "a.mp4", "a.mp4") == [("sub/b.mkv", "."), ("a.mp4", ".")]
    assert found("sub/*lk") == [("sub/walk", ".")]
    (folder / "sub/walk/walk.mp4").touch()
    assert found("sub/walk/*.mp4") == [("sub/walk/walk.mp4", ".")]


@pytest.mark.parametrize(
    ("name", "recursive", "is_batch"),
    [
        ("", False, True),
        ("sub/walk", False, False),
        ("sub/walk", True, True),
        ("sub/walk/*.png", False, False),
        ("*.mp4", False, True),
        ("a.mp4", False, False),
        ("sub/w*", False, True),
        ("absent.mp4", False, False),
        ("*.absent", False, False),
    ],
)
def test_which_names_are_a_batch(folder, name, recursive, is_batch):
    assert select(folder / name, recursive=recursive).is_batch is is_batch


def test_a_pattern_of_frames_with_hidden_folders_is_one_video(folder):
    frames = folder / "sub/walk"
    (frames / "@eaDir").mkdir()
    assert not select(frames / "*").is_batch


def test_images_that_are_named_one_by_one_are_refused(folder):
    frames = folder / "sub/walk"
    with pytest.raises(UsageError, match=r"0\.png and .*1\.png are images, not videos; quote the pattern"):
        select(frames / "0.png", frames / "1.png").find()


def test_a_folder_without_videos_is_refused(folder):
    (folder / "empty/deeper").mkdir(parents=True)
    with pytest.raises(InputError, match="has no videos and no images; name another, or look deeper with"):
        select(folder / "empty").find()
