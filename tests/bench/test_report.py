"""Tables: short, right, and put where the markers are."""

from __future__ import annotations

import pytest

from edlrr_cli.bench.paper_table1 import COLUMNS
from edlrr_cli.bench.report import blocks, insert, insert_all
from edlrr_cli.errors import InputError

MACHINE = {"processor": "Chip", "num_threads": 2, "device": "cpu", "torch": "2.9", "python": "3.11"}


def a_record(benchmark, rows, commit="0123456789abcdef+dirty"):
    command = f"edlrr bench {benchmark} -o a.json"
    head = {"benchmark": benchmark, "command": command, "version": "1.0", "commit": commit}
    return {**head, "created": "now", "machine": MACHINE, "parameters": {}, "rows": rows}


def lines_of(benchmark, rows):
    return blocks(a_record(benchmark, rows))[""].splitlines()


def regularizer_row(method, seconds, ratio, **changes):
    row = {"shape": [3, 4, 5], "reg": "nuclear", "method": method, "seconds": seconds, "ratio": ratio}
    return {**row, "peak_bytes": 2**20, "gradient_error": 1e-7, **changes}


def test_regularizer():
    rows = [
        regularizer_row("auto", 0.0012, 2.5),
        regularizer_row("gram", 0.001, 3.0),
        regularizer_row("autograd svdvals", 0.03, 1.0, peak_bytes=None, gradient_error=None),
    ]
    lines = lines_of("regularizer", rows)
    assert lines[2] == "| 3 x 4 x 5, nuclear | 1.20 | 30 | 2.50 | 1 / – | 1.0e-07 / – |"
    assert len(lines) == 5


def test_every_table_is_followed_by_what_made_it():
    record = a_record("command", [])
    assert blocks(record)[""].splitlines()[-1] == (
        "Made by `edlrr bench command -o a.json` (edlrr 1.0 at 0123456789+dirty; torch 2.9, Python 3.11; "
        "Chip, 2 threads, device cpu)."
    )
    assert "(edlrr 1.0; torch" in blocks({**record, "commit": None})[""]


def test_accuracy_tells_the_worst_penalty():
    def row(reg, dtype, gradient_error, value_error):
        errors = {"gradient_error": gradient_error, "value_error": value_error}
        return {"part": "penalty", "reg": reg, "dtype": dtype, "backend": "auto", **errors}

    variance = {"part": "variance", "reg": "nuclear", "repetitions": 9}
    rows = [
        row("nuclear", "float32", 1e-7, 3e-7),
        row("exact-log", "float32", 2e-7, 1e-7),
        row("nuclear", "float64", 0.0, 0.0),
        {"part": "bias"},
        {**variance, "num_probes": 16, "measured": 1.8, "theory": 2.0},
        {**variance, "num_probes": 64, "measured": 0.55, "theory": 0.5},
    ]
    lines = lines_of("accuracy", rows)
    assert lines[2] == "| float32, auto (2 penalties) | 2.0e-07 | exact-log | 3.0e-07 | nuclear |"
    assert lines[3] == "| float64, auto (1 penalties) | 0 | – | 0 | – |"
    assert "0.90 to 1.10 for N = 16 to 64 probes" in lines[5]


def mean(method, corruption, psnr, group="compared", **changes):
    row = {"kind": "mean", "method": method, "title": method, "corruption": corruption, "group": group}
    return {**row, "printed": None, "psnr": psnr, "psnr_sd": None, "seconds": 2.0, "num_failed": 0, **changes}


def test_table1_is_in_groups_with_ranks_and_what_the_paper_prints():
    cases = [{"kind": "case", "image": image} for image in "12"]
    means = [
        mean("irnn:tuned", "text", 39.0, "compared, tuned", printed="IRNN"),
        mean("irnn:tuned", "drop7", 19.0, "compared, tuned", printed="IRNN", seconds=40.0),
        mean("pssv", "text", 38.0, printed="MSS"),
        mean("pssv", "drop7", 18.0, printed="MSS", psnr_sd=0.123),
        mean("pssv-rpca", "text", 39.004, printed="MSS"),
        mean("pssv-rpca", "drop7", None, printed="MSS", seconds=None, num_failed=2),
        mean("nuclear", "text", 39.123, "ours"),
        mean("nuclear", "drop7", 20.0, "ours", psnr_sd=0.05, seconds=1.0),
        mean("nuclear:paper", "text", 30.0, "ours, paper's setting", printed="L-gamma*"),
        mean("nuclear:paper", "drop7", 99.0, "ours, paper's setting", printed="L-gamma*", num_failed=1),
    ]
    lines = lines_of("table1", [*cases, {"kind": "case", "image": "2", "error": "ValueError: x"}, *means])
    assert lines[:-1] == [
        "| mean PSNR over 2 images, dB | text | drop7 | seconds |",
        "| --- | ---: | ---: | ---: |",
        "| **Ours, global low-rank completion (--prior global)** |  |  |  |",
        "| nuclear | **39.12** | **20.00** ± 0.05 | 1.50 |",
        "| **Ours, the paper's setting** |  |  |  |",
        "| nuclear:paper | 30.00 | 99.00 † | 2.00 |",
        "| *paper prints L-γ\\** | *34.97* | – | *3.83* |",
        "| **Baselines, published settings** |  |  |  |",
        "| pssv | 38.00 | 18.00 ± 0.12 | 2.00 |",
        "| pssv-rpca | <u>39.00</u> | – | – |",
        "| *paper prints MSS* | *24.56* | – | *10.7* |",
        "| **Baselines, free parameters chosen on held-out known pixels** |  |  |  |",
        "| irnn:tuned | <u>39.00</u> | <u>19.00</u> | 21.0 |",
        "| *paper prints IRNN* | *26.20* | – | *8.82* |",
        "",
        "† Not of all images, and not ranked; 1 cases failed.",
        "",
    ]


def test_a_mean_of_fewer_images_is_not_ranked():
    means = [
        mean("irnn", "text", 39.0, num_images=3),
        mean("pssv", "text", 38.0, num_images=11),
        mean("tnnr", "text", 37.0, num_images=11),
    ]
    cells = [line.split(" | ")[1] for line in lines_of("table1", means)[3:6]]
    assert cells == ["39.00 †", "**38.00**", "<u>37.00</u>"]


def test_titles_cannot_break_the_table():
    lines = lines_of("table1", [mean("a", "text", 30.0, title="a|b*<script>_`")])
    assert lines[3] == "| a\\|b\\*\\<script\\>\\_\\` | **30.00** | 2.00 |"


def test_the_paper_facts_are_its_table():
    best = {name: max(column.psnr[name] for column in COLUMNS.values()) for name in COLUMNS["IRNN"].psnr}
    expected = {"drop20": 38.47, "drop30": 36.24, "drop40": 34.28, "drop50": 32.51, "block": 31.14}
    assert best == expected | {"text": 37.19}
    assert min(column.seconds for column in COLUMNS.values()) == COLUMNS["f-MDT Tucker"].seconds
    assert len(COLUMNS) == 11


def test_insert_replaces_only_what_is_between_the_markers():
    document = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb <!-- bench:y --><!-- /bench:y -->\n"
    once = insert(document, "x", "new")
    assert once == document.replace("old", "new")
    assert insert(once, "x", "new") == once


def test_each_document_gets_the_parts_it_has_a_place_for():
    position = "<!-- bench:x{0} -->old<!-- /bench:x{0} -->".format
    parts = {"": "short", ":details": "long"}
    for document, expected in [
        (position(""), ["short"]),
        (position(":details"), ["long"]),
        (position("") + position(":details"), ["short", "long"]),
    ]:
        filled = insert_all(document, "x", parts)
        assert [text for text in filled.splitlines() if "bench:" not in text] == expected
    with pytest.raises(InputError, match="found 0"):
        insert_all("", "x", parts)


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<!-- bench:x -->",
        "<!-- /bench:x -->",
        "<!-- /bench:x --><!-- bench:x -->",
        "<!-- bench:x --><!-- bench:x --><!-- /bench:x -->",
    ],
)
def test_refuses_a_document_without_its_markers(document):
    with pytest.raises(InputError, match="marker"):
        insert(document, "x", "new")


def test_refuses_records_it_cannot_tell():
    with pytest.raises(InputError, match="unknown benchmark 'speed'"):
        blocks(a_record("speed", []))
    with pytest.raises(InputError, match="lacks its numbers"):
        blocks(a_record("optimization", [{"method": "x"}]))
