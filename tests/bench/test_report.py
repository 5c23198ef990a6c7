"""Tables: short, right, and put where the markers are."""

from __future__ import annotations

import pytest

from edlrr_cli.bench.report import PAPER_BEST, blocks, insert
from edlrr_cli.errors import InputError

MACHINE = {"processor": "Chip", "num_threads": 2, "device": "cpu", "torch": "2.9", "python": "3.11"}


def a_record(benchmark, rows, commit="0123456789abcdef+dirty"):
    command = f"edlrr bench {benchmark} -o a.json"
    head = {"benchmark": benchmark, "command": command, "version": "1.0", "commit": commit}
    return {**head, "created": "now", "machine": MACHINE, "parameters": {}, "rows": rows}


def lines_of(benchmark, rows):
    return blocks([a_record(benchmark, rows)])[benchmark].splitlines()


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
    assert blocks([record])["command"].splitlines()[-1] == (
        "Made by `edlrr bench command -o a.json` (edlrr 1.0 at 0123456789+dirty; torch 2.9, Python 3.11; "
        "Chip, 2 threads, device cpu)."
    )
    assert "(edlrr 1.0; torch" in blocks([{**record, "commit": None}])["command"]
    assert blocks([record, record])["command"].count("Made by") == 2


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


def test_table1_has_the_best_in_bold_and_the_paper_for_reference():
    def mean(method, corruption, value):
        return {"kind": "mean", "method": method, "corruption": corruption, "psnr": value}

    rows = [
        {"kind": "case", "image": 1},
        {"kind": "case", "image": 2, "error": "ValueError: x"},
        mean("biharmonic", "text", 37.0),
        mean("biharmonic", "drop7", None),
        mean("nuclear", "text", 39.123),
        mean("nuclear", "drop7", 20.0),
    ]
    lines = lines_of("table1", rows)
    assert lines[:5] == [
        "| mean PSNR over 2 images, dB | text | drop7 |",
        "| --- | ---: | ---: |",
        "| biharmonic | 37.00 | – |",
        "| nuclear | **39.12** | **20.00** |",
        f"| *best cell the paper prints* | {PAPER_BEST['text']} | – |",
    ]
    assert lines[6] == "1 cases failed and are left out of the means."


def test_insert_replaces_only_what_is_between_the_markers():
    document = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb <!-- bench:y --><!-- /bench:y -->\n"
    once = insert(document, "x", "new")
    assert once == document.replace("old", "new")
    assert insert(once, "x", "new") == once


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
        blocks([a_record("speed", [])])
    with pytest.raises(InputError, match="lacks its numbers"):
        blocks([a_record("optimization", [{"method": "x"}])])
