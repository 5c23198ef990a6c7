"""The plot of Table 1: every method at its position, every name legible."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from edlrr_cli.bench.table1_means import GROUPS, Means
from edlrr_cli.bench.table1_plot import document, marks, place_labels, svg
from edlrr_cli.errors import UsageError


def mean(method, psnr, seconds, group="compared", title=None):
    row = {"kind": "mean", "method": method, "corruption": "text", "title": title or method, "group": group}
    return {**row, "printed": None, "psnr": psnr, "seconds": seconds}


ROWS = [
    mean("nuclear", 35.0, 1.0, "ours"),
    mean("nuclear:paper", 34.0, 4.0, "ours, paper's setting", "nuclear"),
    mean("irnn", 30.0, 3.0),
    mean("irnn:tuned", 32.0, 3.5, "compared, tuned"),
    mean("tnnr:tuned", 31.0, 3.5, "compared, tuned"),
    mean("fgsr-rpca", 8.0, 2.0),
    mean("untouched", 9.0, 1e-6, "control"),
    mean("dlrl", None, None),
]


def names(text):
    return ["".join(node.itertext()) for node in ElementTree.fromstring(text).iter("text")]


def test_marks_are_what_has_numbers_and_tuned_ones_know_their_published_selves():
    found = {mark.method: (mark.label, mark.base) for mark in marks(Means(ROWS), "text")}
    assert found == {
        "nuclear": ("nuclear", None),
        "nuclear:paper": ("nuclear (paper)", None),
        "irnn": ("irnn", None),
        "irnn:tuned": ("irnn:tuned", "irnn"),
        "tnnr:tuned": ("tnnr:tuned", None),
        "fgsr-rpca": ("fgsr-rpca", None),
    }


def test_names_are_text_and_what_is_far_below_tells_its_number():
    found = names(svg(Means(ROWS), "text", prefix="p"))
    assert {"nuclear", "nuclear (paper)", "irnn", "tnnr:tuned", "fgsr-rpca, 8.0 dB"} <= set(found)
    assert "irnn:tuned" not in found
    assert {"0.1", "1", "10"} & set(found)


def test_the_element_stands_alone_in_html():
    text = svg(Means(ROWS), "text", prefix="p")
    assert text.startswith('<svg viewBox="0 0 ')
    assert not re.search(r"xmlns|xlink|<\?xml|<!DOCTYPE|<style|<metadata|://", text)
    identifiers = re.findall(r'\bid="([^"]*)"', text)
    assert len(identifiers) == len(set(identifiers))
    assert all(name.startswith("p-") for name in identifiers)
    assert set(re.findall(r'(?:url\(|href=")#([^")]*)', text)) <= set(identifiers)
    assert text == svg(Means(ROWS), "text", prefix="p"), "the same record, the same bytes"


@pytest.mark.parametrize("title", ["<b>&\"'", r"$\frac$", "$x$ _y_ ^", "a name " * 60])
def test_any_title_is_written_as_it_is(title):
    assert title in names(svg(Means([mean("a", 30.0, 1.0, title=title)]), "text", prefix="p"))


@pytest.mark.parametrize("group", GROUPS)
def test_a_method_of_any_group_is_drawn_and_in_the_legend(group):
    found = names(svg(Means([mean("a", 30.0, 1.0, group)]), "text", prefix="p"))
    assert any(re.fullmatch(r"a( \(\w+\))?", text) for text in found)
    assert group.replace("compared", "baselines") in found


def test_without_numbers_there_is_no_plot():
    assert svg(Means([mean("a", None, None)]), "text", prefix="p") is None


def overlaps(one, two):
    return bool((one[:2] < two[2:]).all() and (two[:2] < one[2:]).all())


@pytest.mark.parametrize("seed", range(5))
def test_labels_lie_within_the_frame_and_on_nothing(seed):
    random = np.random.default_rng(seed)
    frame = np.array([[40.0, 60.0], [670.0, 430.0]])
    clusters = random.uniform([150, 150], [550, 350], (6, 2))
    positions = np.concatenate([centre + random.normal(0, 6, (5, 2)) for centre in clusters])
    sizes = np.stack([random.uniform(30, 120, 30), np.full(30, 11.0)], axis=1)
    boxes = place_labels(positions, range(30), sizes, frame, np.empty((0, 2)))
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], sizes)
    assert (boxes[:, :2] >= frame[0]).all()
    assert (boxes[:, 2:] <= frame[1]).all()
    away = np.clip(positions, boxes[:, :2], boxes[:, 2:]) - positions
    assert np.hypot(*away.T).mean() < 40
    for index, box in enumerate(boxes):
        assert not any(overlaps(box, other) for other in boxes[:index])
        assert not ((box[:2] < positions) & (positions < box[2:])).all(axis=1).any()


def test_a_lone_label_stands_beside_its_mark_and_off_a_line():
    frame, start, size = (
        np.array([[0.0, 0.0], [400.0, 300.0]]),
        np.array([[200.0, 150.0]]),
        np.array([[50.0, 10.0]]),
    )
    (box,) = place_labels(start, [0], size, frame, np.empty((0, 2)))
    assert box.tolist() == [207, 145, 257, 155]
    line = np.stack([np.linspace(205, 260, 20), np.full(20, 150.0)], axis=1)
    (moved,) = place_labels(start, [0], size, frame, line)
    assert not ((moved[:2] < line) & (line < moved[2:])).all(axis=1).any()


def test_a_document_is_of_the_mean_of_what_was_measured_everywhere():
    drop = [{**mean("nuclear", 37.0, 3.0, "ours"), "corruption": "drop50"}]
    found = marks(Means([*ROWS, *drop]), None)
    assert [(mark.method, mark.psnr, mark.seconds) for mark in found] == [("nuclear", 36.0, 2.0)]
    assert document(Means([*ROWS, *drop])).startswith("<?xml")
    with pytest.raises(UsageError, match="no method has been measured in every corruption"):
        document(Means([]))
