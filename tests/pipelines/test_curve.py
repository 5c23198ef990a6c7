"""Small plots: every point and tick is within the frame, at its position."""

from __future__ import annotations

import pytest

from edlrr_cli.pipelines.curve import draw_curve


def positions(curve):
    return [tuple(map(float, pair.split(","))) for pair in curve.line.split()]


@pytest.mark.parametrize("ys", [[1.0, 0.5, 2.0], [-1e6, 3e6, 0.0], [1e-3, 1.0, 1e3], [7.0, 7.0, 7.0]])
def test_points_and_ticks_are_within_the_frame(ys):
    curve = draw_curve(list(zip([0, 10, 20], ys, strict=True)), title="t", x_label="step", y_label="loss")
    left, top, right, bottom = curve.frame
    width, height = curve.size
    assert 0 < left < right < width
    assert 0 < top < bottom < height
    assert all(left <= x <= right and top <= y <= bottom for x, y in positions(curve))
    assert all(left <= tick.at <= right for tick in curve.x_ticks)
    assert len(curve.y_ticks) >= 1
    assert all(top <= tick.at <= bottom for tick in curve.y_ticks)
    assert all("." not in tick.text for tick in curve.x_ticks)


def test_larger_values_are_higher_and_equal_factors_equally_far():
    curve = draw_curve([(0, 1.0), (5, 10.0), (10, 100.0)], title="t", x_label="step", y_label="loss")
    (_, first), (_, second), (_, third) = positions(curve)
    assert first > second > third
    assert first - second == pytest.approx(second - third, abs=0.2)
    assert curve.y_label == "loss, logarithmic"
    assert [tick.text for tick in curve.y_ticks] == ["1", "10", "100"]
