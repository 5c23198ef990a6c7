import numpy as np
from PIL import Image

from edlrr_cli.media.gray import read_gray


def test_gray_is_kept_and_color_becomes_its_luma(tmp_path):
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    assert np.array_equal(read_gray(tmp_path / "gray.png"), gray)
    Image.new("RGB", (2, 2), (255, 0, 100)).save(tmp_path / "color.png")
    assert read_gray(tmp_path / "color.png").tolist() == [[88, 88], [88, 88]]  # 76.2 + 11.4
