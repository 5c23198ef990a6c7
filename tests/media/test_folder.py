import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import InputError
from edlrr_cli.media.folder import list_pictures, read_gray


def test_pictures_are_listed_in_natural_order_and_others_left_out(tmp_path):
    for name in ("b10.png", "b2.PNG", "a.jpg"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in list_pictures(tmp_path)] == ["a.jpg", "b2.PNG", "b10.png"]


def test_gray_is_kept_and_colour_becomes_its_luma(tmp_path):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    assert np.array_equal(read_gray(tmp_path / "gray.png"), gray)
    Image.new("RGB", (2, 2), (255, 0, 100)).save(tmp_path / "colour.png")
    assert read_gray(tmp_path / "colour.png").tolist() == [[88, 88], [88, 88]]  # 76.2 + 11.4


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no pictures"):
        list_pictures(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        list_pictures(tmp_path / "missing")
