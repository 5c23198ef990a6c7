"""The tables of the separation benchmark."""

from __future__ import annotations

from edlrr_cli.bench.bgsep_tables import details, summary

MEASURES = (
    "recall",
    "specificity",
    "false_positive_rate",
    "false_negative_rate",
    "percent_wrong",
    "precision",
)


def case(sequence, method, f_measure, **changes):
    measured = {"f_measure": f_measure, "f_best": 0.9, "f_plain_best": None, "background": None}
    speed = {"rank": 2, "frames_per_second": 123.4, "peak_bytes": 3 * 2**20}
    return {"kind": "case", "sequence": sequence, "method": method, **measured, **speed, **changes}


def mean(method, f_measure, **changes):
    row = {"kind": "mean", "method": method, "f_measure": f_measure, "f_best": 0.9, "f_plain_best": None}
    return {**row, "frames_per_second": 4.56, **dict.fromkeys(MEASURES, 0.25), **changes}


STILL = {"age": 1.5, "peps": 0.0001, "pceps": 0.0, "psnr": 40.0, "ms_ssim": 0.99, "cqm": None}
ROWS = [
    case("a_b", "lrr", 0.9, background=STILL),
    case("a_b", "knn", 0.8, f_best=None, background={**STILL, "age": 1.2}),
    {"kind": "case", "sequence": "a_b", "method": "pcp", "error": "ValueError: x"},
    case("c", "lrr", 0.5),
    case("c", "knn", 0.7004, f_best=None),
    case("c", "pcp", 0.7),
    mean("lrr", 0.7),
    mean("knn", 0.7502, frames_per_second=99.6),
    mean("pcp", None, frames_per_second=None),
    {"kind": "memory", "sequence": "c", "num_frames": 200, "peak_bytes": 60 * 2**20},
    {"kind": "memory", "sequence": "c", "num_frames": 1700, "peak_bytes": None},
]


def test_the_summary_has_a_column_per_sequence_with_ranks():
    assert summary(ROWS).splitlines() == [
        "| F-measure | a\\_b | c | mean | frames/s |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| lrr | **0.900** | <u>0.500</u> | <u>0.700</u> | 4.6 |",
        "| knn | <u>0.800</u> | **0.700** | **0.750** | 100 |",
        "| pcp | failed | **0.700** | – | – |",
    ]


def test_the_details_have_all_the_rest():
    text = details(ROWS)
    *tables, streaming = text.split("\n\n")
    titles, (own, masks, still, rank, speed, memory) = (
        tables[::2],
        (part.splitlines() for part in tables[1::2]),
    )
    assert titles[0] == "**F at the best threshold, chosen with the truth, on the method's own difference**"
    assert not any("plain gray" in title for title in titles)  # of which nothing is known
    assert titles[2] == "**Background of a\\_b**"
    assert own[2:] == [
        "| lrr | **0.900** | **0.900** | **0.900** |",
        "| knn | – | – | **0.900** |",
        "| pcp | failed | **0.900** | **0.900** |",
    ]
    assert masks[0] == "| method | recall | specificity | FPR | FNR | PWC, % | precision | F |"
    assert still[0] == "| method | AGE | pEPs | pCEPs | PSNR, dB | MS-SSIM | CQM, dB |"
    assert still[2:] == [
        "| lrr | <u>1.50</u> | **0.0001** | **0.0000** | **40.00** | **0.9900** | – |",
        "| knn | **1.20** | **0.0001** | **0.0000** | **40.00** | **0.9900** | – |",
    ]
    assert rank[2] == "| lrr | 2 | 2 |"
    assert speed[4] == "| pcp | – | 123 |"
    assert memory[2] == "| lrr | 3 | 3 |"
    assert streaming == (
        "Peak memory of the whole process that streams c: 60 MiB for 200 frames, – MiB for 1700 frames."
    )


def test_without_memory_rows_nothing_is_said_of_them():
    assert "streaming" not in details([row for row in ROWS if row["kind"] != "memory"])
