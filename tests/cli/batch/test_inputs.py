from __future__ import annotations

from pathlib import Path

import pytest

from edlrr_cli.cli.batch.inputs import Input, companion, find_inputs, is_batch
from edlrr_cli.errors import InputError

PICTURES = ("a.png", "B.TIF", ".hidden.png", "sub/c.jpg", "sub/c_mask.png", "sub/deep/d.webp", ".dir/e.png")
FILES = (*PICTURES, "notes.txt")


@pytest.fixture
def tree(tmp_path):
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def below(tree, inputs):
    return [str(of.path.relative_to(tree)) for of in inputs]


def test_a_folder_stands_for_its_pictures(tree):
    assert below(tree, find_inputs([tree], recursive=False)) == ["B.TIF", "a.png"]
    deep = find_inputs([tree], recursive=True, leave_out="_mask")
    assert below(tree, deep) == ["B.TIF", "a.png", "sub/c.jpg", "sub/deep/d.webp"]
    assert [str(of.folder) for of in deep] == [".", ".", "sub", "sub/deep"]


def test_patterns_names_and_their_order(tree, monkeypatch):
    names = [tree / "sub" / "c.jpg", tree / "*.png", tree, tree / "absent.gif"]
    assert below(tree, find_inputs(names, recursive=False)) == [
        "sub/c.jpg", "a.png", "B.TIF", "absent.gif",
    ]  # fmt: skip
    monkeypatch.chdir(tree)
    assert find_inputs([Path("**/*.webp")], recursive=False) == [Input(Path("sub/deep/d.webp"))]


def test_what_is_a_batch(tree):
    assert is_batch([tree])
    assert is_batch([tree / "a.png", tree / "B.TIF"])
    assert is_batch([tree / "*.png"])
    assert not is_batch([tree / "a.png"])
    assert not is_batch([tree / "absent.png"])
    (tree / "a[1].png").touch()
    assert not is_batch([tree / "a[1].png"])


def test_nothing_found_is_told(tree):
    (tree / "empty" / "deeper").mkdir(parents=True)
    with pytest.raises(InputError, match="has no pictures; name another, or look deeper with --recursive"):
        find_inputs([tree / "empty"], recursive=False)
    with pytest.raises(InputError, match=r"has no pictures; name another$"):
        find_inputs([tree / "empty"], recursive=True)
    with pytest.raises(InputError, match="nothing matches"):
        find_inputs([tree / "*.bmp"], recursive=False)


def test_what_belongs_to_a_picture_is_found_by_its_stem(tree):
    def mask_of(of, suffix=""):
        return companion(tree, of, suffix=suffix, what="mask")

    of = Input(Path("elsewhere/c.tif"), Path("sub"))
    assert mask_of(of) == tree / "sub/c.jpg"
    assert mask_of(of, "_mask") == tree / "sub/c_mask.png"
    assert mask_of(Input(Path("a.jpg"), Path("sub"))) == tree / "a.png"
    assert companion(tree / "a.png", of, suffix="", what="mask") == tree / "a.png"
    with pytest.raises(InputError, match=r"has no mask d\.\*; add it"):
        mask_of(Input(Path("d.png")))
    (tree / "a.bmp").touch()
    with pytest.raises(InputError, match=r"a\.png: its mask may be a\.bmp and a\.png in"):
        mask_of(Input(Path("a.png")))
