"""Figures: panels where they should be, pixel by pixel, within the width, and honest about the gain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edlrr_cli.errors import NumericsError, OutputError, UsageError
from edlrr_cli.media.figure import MAX_FIGURE_PX, Panel, comparison_panels, write_figure, write_grid


def drawn(path: Path, panels: list[Panel]) -> np.ndarray:
    write_figure(path, panels, overwrite=True)
    with Image.open(path) as image:
        assert image.mode == "RGB"
        return np.asarray(image)


def position_of(panel: np.ndarray, figure: np.ndarray) -> tuple[int, int]:
    """Find the one position at which the panel is shown bit by bit."""
    windows = np.lib.stride_tricks.sliding_window_view(figure[..., 0], (4, 4))
    rows, columns = np.nonzero((windows == panel[:4, :4, 0]).all(axis=(2, 3)))
    height, width = panel.shape[:2]
    hits = [
        (row, column)
        for row, column in zip(rows, columns, strict=True)
        if np.array_equal(figure[row : row + height, column : column + width], panel)
    ]
    assert len(hits) == 1
    return hits[0]


def noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_panels_are_pixel_exact_in_order_and_aligned(tmp_path: Path) -> None:
    images = [noise((250, 260, 3), seed) for seed in range(3)]
    panels = [Panel(f"title {index}", values / 255, "12.3 dB") for index, values in enumerate(images)]
    figure = drawn(tmp_path / "f.png", panels)
    positions = [position_of(values, figure) for values in images]
    assert len({row for row, _ in positions}) == 1
    assert np.diff([column for _, column in positions]).min() > 260
    first_row = positions[0][0]
    assert (figure[:first_row] < 100).any(), "titles above"
    assert (figure[first_row + 250 :] < 100).any(), "captions below"


def test_rows_are_below_each_other_and_aligned(tmp_path: Path) -> None:
    images = [[noise((250, 260, 3), 2 * row + column) for column in range(2)] for row in range(3)]
    rows = [[Panel("" if index else "title", each / 255) for each in row] for index, row in enumerate(images)]
    write_grid(tmp_path / "f.png", rows, overwrite=False)
    with Image.open(tmp_path / "f.png") as image:
        figure = np.asarray(image)
    positions = np.array([[position_of(each, figure) for each in row] for row in images])
    assert (np.ptp(positions[..., 0], axis=1) == 0).all()
    assert (np.ptp(positions[..., 1], axis=0) == 0).all()
    assert np.diff(positions[:, 0, 0]).min() > 250


def test_small_gray_image_is_enlarged_by_a_whole_factor(tmp_path: Path) -> None:
    values = noise((7, 10, 1), 0)
    figure = drawn(tmp_path / "f.png", [Panel("tiny", values / 255)])
    position_of(np.kron(np.repeat(values, 3, axis=2), np.ones((24, 24, 1), np.uint8)), figure)


@pytest.mark.parametrize("num_panels", [1, 4])
def test_wide_images_are_reduced(tmp_path: Path, num_panels: int) -> None:
    panels = [Panel("wide", np.full((30, 3000), 0.5), "40.00 dB")] * num_panels
    figure = drawn(tmp_path / "f.png", panels)
    assert MAX_FIGURE_PX - 20 <= figure.shape[1] <= MAX_FIGURE_PX


def test_long_texts_stay_inside_their_column(tmp_path: Path) -> None:
    long = "a rather long title that needs a small font"
    figure = drawn(tmp_path / "f.png", [Panel(long, np.zeros((240, 240)), f"{long}\nand more")] * 2)
    gap = figure[:, 12 + 240 : 12 + 240 + 12]
    assert (gap == 255).all()


def test_error_map_is_the_absolute_error_times_the_stated_gain() -> None:
    reference = np.full((10, 10, 3), 0.5)
    restored = reference.copy()
    restored[0, :] -= 0.03
    restored[1, :, 0] += 0.06
    panels = comparison_panels(np.zeros_like(reference), restored, reference, captions={"error": "30 dB"})
    assert [panel.title for panel in panels[:3]] == ["damaged", "restored", "reference"]
    assert panels[3].title == "error x 20 (white = 0.05)"
    assert panels[3].caption == "30 dB"
    np.testing.assert_allclose(panels[3].pixels[0], 0.6)
    np.testing.assert_allclose(panels[3].pixels[1], 0.4)
    assert not panels[3].pixels[2:].any()


def test_without_reference_the_change_is_shown() -> None:
    damaged, restored = np.zeros((4, 4, 1)), np.ones((4, 4, 1))
    panels = comparison_panels(damaged, restored)
    assert [panel.title for panel in panels] == ["damaged", "restored", "change x 1 (white = 1)"]
    assert (panels[2].pixels == 1).all()


def test_no_error_at_all_is_black() -> None:
    sample = np.full((4, 4, 3), 0.3)
    panels = comparison_panels(sample, sample, sample)
    assert panels[3].title == "error x 1 (white = 1)"
    assert not panels[3].pixels.any()


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    sample = np.zeros((4, 4, 3))
    with pytest.raises(UsageError, match="shape"):
        comparison_panels(sample, np.zeros((4, 5, 3)))
    with pytest.raises(UsageError, match="no panel named error"):
        comparison_panels(sample, sample, captions={"error": "1 dB"})
    with pytest.raises(NumericsError):
        write_figure(tmp_path / "f.png", [Panel("nan", np.full((4, 4), np.nan))], overwrite=False)
    with pytest.raises(OutputError, match=r"\.png"):
        write_figure(tmp_path / "f.jpg", [Panel("x", sample)], overwrite=False)
    (tmp_path / "f.png").touch()
    with pytest.raises(OutputError, match="--overwrite"):
        write_figure(tmp_path / "f.png", [Panel("x", sample)], overwrite=False)
    assert (tmp_path / "f.png").read_bytes() == b""
