"""The page of Table 1: right numbers, nothing from outside, whole HTML, and it works in a browser."""

from __future__ import annotations

import re
import statistics

import pytest

from edlrr_cli.bench.paper_table1 import COLUMNS
from edlrr_cli.bench.table1_page import MEASURES, page
from edlrr_cli.errors import InputError

CORRUPTIONS = ("drop50", "text")
# name: (title, group, printed, PSNR, seconds)
METHODS = {
    "nuclear": ("nuclear", "ours", None, 35.0, 1.5),
    "laguerre-gamma:paper": ("laguerre-gamma", "ours, paper's setting", "L-gamma*", 33.0, 4.0),
    "irnn": ("IRNN", "compared", "IRNN", 30.0, 3.0),
    "irnn:tuned": ("IRNN, tuned", "compared, tuned", "IRNN", 32.0, 3.3),
    "untouched": ("holes left black", "control", None, 9.0, 1e-6),
}


def a_record(methods=METHODS, corruptions=CORRUPTIONS, images=("1", "2"), num_seeds=2, failed=()):
    """Make a record; ``failed`` are cases (method, corruption, image) without numbers."""
    cases, means = [], []
    for method, (title, group, printed, psnr, seconds) in methods.items():
        for column, corruption in enumerate(corruptions):
            of_cell = []
            for seed in range(num_seeds if corruption.startswith("drop") else 1):
                for row, image in enumerate(images):
                    case = {"kind": "case", "corruption": corruption, "seed": seed, "image": image}
                    case |= {"method": method, "commit": "a" * 40}
                    if (method, corruption, image) in failed:
                        of_cell.append(case | {"error": "NumericsError: NaN in <core>"})
                        continue
                    value = psnr + column + row + seed / 10
                    of_cell.append(case | measures_of(value, seconds, "tuned" in method))
            cases += of_cell
            done = [case for case in of_cell if "error" not in case]
            head = {"kind": "mean", "method": method, "corruption": corruption}
            head |= {"title": title, "group": group, "printed": printed}
            means.append(head | mean_of(done) | {"num_failed": len(of_cell) - len(done)})
    parameters = {"images": list(images), "corruptions": list(corruptions), "methods": list(methods)}
    parameters |= {"seeds": list(range(num_seeds)), "picture_images": ["2"], "psnr": "whole <image>"}
    machine = {"processor": "Chip", "num_threads": 1, "device": "cpu", "torch": "2.9", "python": "3.11"}
    head = {"benchmark": "table1", "command": "edlrr bench table1 -o <a>.json", "version": "1.0"}
    head |= {"commit": "0123456789abcdef", "created": "2026-11-22T01:02:03+00:00", "machine": machine}
    return {**head, "parameters": parameters, "rows": [*cases, *means]}


def measures_of(psnr, seconds, tuned):
    numbers = {"psnr": psnr, "psnr_raw": psnr - 3, "psnr_missing": psnr - 5, "ssim": psnr / 100}
    numbers |= {"ssim_raw": 0.5, "psnr_input": 9.0, "missing_fraction": 0.5, "seconds": seconds}
    numbers |= {"tuning_seconds": 20.0 if tuned else None, "peak_bytes": 3 * 2**20, "iterations": 7}
    return {**numbers, "stop": "tolerance", "params": {}}


def mean_of(done):
    row = {"num_images": len(done), "num_seeds": len({case["seed"] for case in done})}
    for key in ("psnr", "psnr_raw", "psnr_missing", "ssim", "ssim_raw", "seconds", "peak_bytes"):
        row[key] = statistics.fmean(case[key] for case in done) if done else None
    for key in ("psnr", "psnr_raw"):
        seeds = sorted({case["seed"] for case in done})
        means = [statistics.fmean(case[key] for case in done if case["seed"] == seed) for seed in seeds]
        row[f"{key}_sd"] = statistics.stdev(means) if len(means) > 1 else None
    return row


def table(text, caption):
    """Return the rows of a table by method: the inner HTML of every cell."""
    (found,) = [part for part in text.split("<table")[1:] if f">{caption}<" in part]
    rows = re.findall(r'<tr data-method="([^"]*)">(.*?)</tr>', found, flags=re.DOTALL)
    return {
        method: re.findall(r"<td[^>]*>(.*?)</td>", cells.replace("\n", ""), flags=re.DOTALL)
        for method, cells in rows
    }


@pytest.fixture(scope="module")
def text():
    """Return the page of the usual record."""
    return page(a_record(), None)


def measure_table(text, key):
    (caption,) = [measure.caption for measure in MEASURES if measure.key == key]
    return table(text, caption)


def test_the_page_is_whole_html_and_names_its_source(html_document, text):
    document = html_document(text)
    (_, heading), *_ = document.all("h1")
    assert heading == "5 methods on 2 damaged images"
    source = [text for attrs, text in document.all("p") if attrs.get("class") == "source"]
    assert source == [
        "Made by edlrr bench table1 -o <a>.json on 2026-11-22 (edlrr 1.0 at 0123456789; "
        "torch 2.9, Python 3.11; Chip, 1 thread, device cpu)."
    ]
    assert all(attrs.get("scope") for attrs, _ in document.all("th"))
    assert len(document.all("caption")) == len(document.all("table"))
    assert "No case failed." in text
    identifiers = [attrs["id"] for _, attrs, _ in document.elements if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    targets = {attrs["href"][1:] for attrs, _ in document.all("a")}
    assert targets <= set(identifiers)


def test_cells_have_mean_spread_rank_and_what_the_paper_prints(text):
    cells = measure_table(text, "psnr")
    assert cells["nuclear"] == ["<b>35.55</b> <small>± 0.07</small>", "<b>36.50</b>", "<b>36.02</b>"]
    paper = COLUMNS["L-gamma*"].psnr
    assert cells["laguerre-gamma:paper"][1] == f'<u>34.50</u><i class="below">{paper["text"]:.2f}</i>'
    assert cells["irnn"][0] == '30.55 <small>± 0.07</small><i class="below">26.91</i>'
    assert cells["irnn"][2] == f'31.02<i class="below">{(26.91 + 26.20) / 2:.2f}</i>'
    assert cells["untouched"][1] == "10.50"


def test_the_spread_is_reported_of_several_seeds_only():
    assert "±" not in page(a_record(num_seeds=1), None)


def test_every_measure_has_its_table_and_its_switch(html_document, text):
    document = html_document(text)
    shown = [attrs["id"] for attrs, _ in document.all("input") if attrs["name"] == "measure"]
    assert shown == [f"show-measure{index}" for index in range(len(MEASURES))]
    assert measure_table(text, "psnr_raw")["nuclear"][1] == "<b>33.50</b>"
    assert measure_table(text, "psnr_missing")["irnn"] == ["25.55", "26.50", "26.02"]
    assert measure_table(text, "ssim")["irnn"][1] == "0.3150"
    assert measure_table(text, "peak_bytes")["irnn"] == ["3"] * 3
    seconds = measure_table(text, "seconds")
    assert seconds["irnn"] == ["3.00", "3.00", '3.00<i class="below">8.82</i>']
    assert seconds["irnn:tuned"][0] == '3.30<small class="below">+ 20.0</small>'
    assert seconds["untouched"][0] == "&lt; 0.01"


def test_failures_are_listed_marked_and_not_ranked(html_document):
    cases = [("nuclear", "text", "1"), ("irnn", "drop50", "1"), ("irnn", "drop50", "2")]
    text = page(a_record(failed=cases), None)
    cells = measure_table(text, "psnr")
    assert cells["nuclear"][1] == '37.00<small class="below">† 1 failed</small>'
    assert cells["laguerre-gamma:paper"][1].startswith("<b>")
    assert [cell.partition("<")[0] for cell in cells["irnn"]] == ["–", "31.50", "–"]
    assert "5 cases failed" in text
    listed = [text for _, text in html_document(text).all("li")]
    assert len(listed) == 5
    assert listed[0] == "nuclear, text, image 1, seed 0: NumericsError: NaN in <core>"
    assert table(text, "PSNR in dB by image, drop50")["irnn"] == ["failed", "failed"]


def test_images_one_by_one_are_means_over_the_seeds(text):
    cells = table(text, "PSNR in dB by image, drop50")
    assert cells["nuclear"] == ["<b>35.05</b>", "<b>36.05</b>"]
    assert cells["laguerre-gamma:paper"] == ["<u>33.05</u>", "<u>34.05</u>"]


HOSTILE = "<script>alert('$x$')</script>\"&"


def test_hostile_names_stay_text(html_document):
    methods = {HOSTILE: (HOSTILE, "ours", None, 35.0, 1.5), "irnn": METHODS["irnn"]}
    record = a_record(methods, corruptions=(HOSTILE,), images=(HOSTILE,), failed=[("irnn", HOSTILE, HOSTILE)])
    record["command"] = record["machine"]["processor"] = record["version"] = record["commit"] = HOSTILE
    record["parameters"] |= {"settings": {HOSTILE: {HOSTILE: HOSTILE}}, HOSTILE: [HOSTILE]}
    text = page(record, None)
    document = html_document(text)
    assert text.count("<script") == 1
    assert HOSTILE in {attrs.get("data-method") for attrs, _ in document.all("tr")}
    assert [text for _, text in document.all("code")] == [HOSTILE]


def test_nothing_comes_from_outside(html_document, text):
    assert "://" not in text
    assert re.findall(r"url\((?!#)|@import", text) == []
    document = html_document(text)
    assert {tag for tag, _, _ in document.elements} & {"link", "iframe", "object", "embed", "base"} == set()
    assert all("src" not in attrs for attrs, _ in document.all("script"))
    (policy,) = [attrs["content"] for attrs, _ in document.all("meta") if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'")


def test_images_are_embedded_and_missing_ones_left_out(html_document, tmp_path, text):
    for name in ("drop50-0-2-_clean", "drop50-0-2-irnn_tuned", "drop50-0-1-irnn", "drop50-1-2-irnn"):
        (tmp_path / f"{name}.jpg").write_bytes(b"\xff\xd8" + name.encode())
    document = html_document(page(a_record(), tmp_path))
    samples = [attrs for attrs, _ in document.all("img")]
    assert [attrs["alt"] for attrs in samples] == [
        "image 2, drop50: clean",
        "image 2, drop50: IRNN, tuned, PSNR 33.00 dB",
    ]
    assert all(attrs["src"].startswith("data:image/jpeg;base64,/9h") for attrs in samples)
    captions = [text for _, text in document.all("figcaption")]
    assert captions[-2:] == ["clean", "IRNN, tuned33.00 dB"]
    assert "Thumbnails" not in text
    assert page(a_record(), tmp_path / "nowhere") == text


def test_refuses_other_records_and_incomplete_ones():
    with pytest.raises(InputError, match="speed"):
        page(a_record() | {"benchmark": "speed"}, None)
    record = a_record()
    del record["rows"][-1]["group"]
    with pytest.raises(InputError, match="lacks its numbers"):
        page(record, None)


CHECK = """
const root = inner.documentElement;
const table = inner.querySelector("#measure0 table"), button = table.querySelectorAll("th button")[1];
const order = () => [...table.querySelectorAll("tr[data-method]")].map((row) => row.dataset.method);
const panels = [...inner.querySelectorAll(".panel")];
const shown = () => panels.filter((one) => one.offsetHeight).map((one) => one.id);
const widths = () => [root.scrollWidth, root.clientWidth];
seen.closed = widths();
for (const details of inner.querySelectorAll("details")) details.open = true;
seen.open = widths();
seen.before = order();
seen.clicked = [];
for (let click = 0; click < 3; click++) {
  button.click();
  seen.clicked.push([button.parentNode.getAttribute("aria-sort"), order()]);
}
table.querySelector("th button").click();
seen.names = order();
seen.shown = [shown()];
inner.querySelector("#show-measure4").click();
inner.querySelector("#show-plot1").click();
seen.shown.push(shown());
seen.page = view.getComputedStyle(inner.body).backgroundColor;
seen.plot = view.getComputedStyle(inner.querySelector(".plot")).backgroundColor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_works_in_a_browser(browse, scheme, tmp_path):
    methods = dict(METHODS)
    for number in range(20):
        title = f"a method with a long name, number {number}"
        methods[f"m{number:02}"] = (title, "control", None, 20 + number / 2, 1 + number)
    images = tuple(str(number) for number in range(1, 12))
    record = a_record(methods, images=images, failed=[("m03", "drop50", image) for image in images])
    samples = tmp_path / "images"
    samples.mkdir()
    for method in methods:
        (samples / f"text-0-2-{method.replace(':', '_')}.jpg").write_bytes(b"")
    seen, messages = browse(page(record, samples), CHECK, scheme)
    assert messages == []
    assert set(seen) == {"390", "1280"}
    for width, view in seen.items():
        for scroll_width, client_width in (view["closed"], view["open"]):
            assert scroll_width <= client_width <= int(width)
        by_psnr = sorted(set(methods) - {"m03"}, key=lambda name: -methods[name][3])
        states, orders = zip(*view["clicked"], strict=True)
        assert states == ("descending", "ascending", None)
        assert [methods[name][3] for name in orders[0][:-1]] == [methods[name][3] for name in by_psnr]
        assert orders[0][-1] == orders[1][-1] == "m03", "what has no number comes last"
        assert [methods[name][3] for name in orders[1][:-1]] == [methods[name][3] for name in by_psnr[::-1]]
        assert orders[2] == view["before"]
        titles = [methods[name][0].lower() for name in view["names"]]
        assert titles == sorted(titles)
        assert view["shown"] == [["measure0", "plot0"], ["measure4", "plot1"]]
        assert view["plot"] == "rgb(255, 255, 255)"
        assert (view["page"] == "rgb(255, 255, 255)") == (scheme == "light")
