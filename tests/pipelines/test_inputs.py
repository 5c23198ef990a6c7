"""The inputs that names, folders and patterns stand for, and the files that belong to an input."""

from __future__ import annotations

from pathlib import Path

import pytest

from edlrr_cli.errors import InputError
from edlrr_cli.pipelines.inputs import Input, Selection

IMAGES = ("a.png", "B.TIF", ".hidden.png", "sub/c.jpg", "sub/c_mask.png", "sub/deep/d.webp", ".dir/e.png")
FILES = (*IMAGES, "notes.txt")


@pytest.fixture
def tree(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def below(tree, inputs):
    return [str(each.path.relative_to(tree)) for each in inputs]


def test_a_folder_stands_for_its_images(tree):
    assert below(tree, Selection([tree], recursive=False).find()) == ["B.TIF", "a.png"]
    deep = Selection([tree], recursive=True, leave_out=("_mask",)).find()
    assert below(tree, deep) == ["B.TIF", "a.png", "sub/c.jpg", "sub/deep/d.webp"]
    assert [str(each.folder) for each in deep] == [".", ".", "sub", "sub/deep"]


def test_patterns_names_and_their_order(tree, monkeypatch):
    names = [tree / "sub" / "c.jpg", tree / "*.png", tree, tree / "absent.gif"]
    assert below(tree, Selection(names, recursive=False).find()) == [
        "sub/c.jpg", "a.png", "B.TIF", "absent.gif",
    ]  # fmt: skip
    monkeypatch.chdir(tree)
    assert Selection([Path("**/*.webp")], recursive=False).find() == [Input(Path("sub/deep/d.webp"))]


def test_what_is_a_batch(tree):
    assert Selection([tree]).is_batch
    assert Selection([tree / "a.png", tree / "B.TIF"]).is_batch
    assert Selection([tree / "*.png"]).is_batch
    assert not Selection([tree / "a.png"]).is_batch
    assert not Selection([tree / "absent.png"]).is_batch
    (tree / "a[1].png").touch()
    assert not Selection([tree / "a[1].png"]).is_batch


def test_finding_nothing_is_an_error(tree):
    (tree / "empty" / "deeper").mkdir(parents=True)
    with pytest.raises(InputError, match="has no images; name another, or look deeper with --recursive"):
        Selection([tree / "empty"], recursive=False).find()
    with pytest.raises(InputError, match=r"has no images; name another$"):
        Selection([tree / "empty"], recursive=True).find()
    with pytest.raises(InputError, match="nothing matches"):
        Selection([tree / "*.bmp"], recursive=False).find()


def test_a_companion_of_an_image_is_found_by_its_stem(tree):
    def mask_of(image, suffix=""):
        return selection.companion(tree, image, suffix=suffix, what="mask")

    selection = Selection([Path("elsewhere")])
    image = Input(Path("elsewhere/c.tif"), Path("sub"))
    assert mask_of(image) == tree / "sub/c.jpg"
    assert mask_of(image, "_mask") == tree / "sub/c_mask.png"
    assert mask_of(Input(Path("a.jpg"), Path("sub"))) == tree / "a.png"
    assert selection.companion(tree / "a.png", image, what="mask") == tree / "a.png"
    with pytest.raises(InputError, match=r"has no mask d\.\*; add it"):
        mask_of(Input(Path("d.png")))
    (tree / "a.bmp").touch()
    with pytest.raises(InputError, match=r"a\.png: its mask may be a\.bmp and a\.png in"):
        mask_of(Input(Path("a.png")))
