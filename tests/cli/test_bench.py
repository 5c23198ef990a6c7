"""``edlrr bench``: each benchmark on a tiny input, its record, and the way into a document."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edlrr_cli.bench import busy as busy_benchmark
from edlrr_cli.bench import command as command_benchmark
from edlrr_cli.bench import cost as cost_benchmark
from edlrr_cli.bench import gigapixel as gigapixel_benchmark
from edlrr_cli.bench import kernels as kernels_benchmark
from edlrr_cli.bench import regularizer
from edlrr_cli.bench import throughput as throughput_benchmark
from edlrr_cli.bench.accuracy import REGS
from edlrr_cli.bench.record import KEYS, MACHINE_KEYS
from edlrr_cli.bench.timing import Timing
from edlrr_cli.errors import EdlrrError
from edlrr_cli.lrr.native import library
from edlrr_cli.media.tiff_layout import TiffLayout


@pytest.fixture
def measure(run, tmp_path) -> Callable[..., dict[str, Any]]:
    """Run a benchmark and return its record, checked to be complete and strict."""

    def start(name: str, *arguments: str | Path, exit_code: int = 0) -> dict[str, Any]:
        target = tmp_path / f"{name}.json"
        result = run("bench", name, *arguments, "-o", target)
        assert result.exit_code == exit_code, result.stderr
        record = json.loads(target.read_text(encoding="utf-8"), parse_constant=pytest.fail)
        assert tuple(record) == KEYS
        assert set(record["machine"]) == set(MACHINE_KEYS)
        assert record["benchmark"] == name
        assert record["command"] == f"edlrr bench {' '.join(map(str, [name, *arguments]))} -o {target}"
        assert result.stdout == f"{target}: {len(record['rows'])} rows\n"
        return record

    return start


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom edlrr_cli.cli.app import edlrr\n"
        "try: edlrr(['bench', 'table1', '--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print({'torch', 'numpy', 'skimage', 'PIL'} & set(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stderr == "set()\n"


def test_regularizer(measure):
    record = measure("regularizer", "--shapes", "3x16x20,9x600", "--repeats", "1", "--no-memory")
    methods = {(row["reg"], row["method"]) for row in record["rows"]}
    assert {("nuclear", "autograd matrix_norm"), ("laguerre-gamma", "autograd svdvals, exact h")} <= methods
    estimated = [row["shape"] for row in record["rows"] if row["method"] == "estimator"]
    assert estimated == [[3, 16, 20]] * 2  # not on the long one
    for row in record["rows"]:
        assert 0 < row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
        assert row["peak_bytes"] is None
        assert row["gradient_error"] < (5 if row["method"] == "estimator" else 1e-5)
        assert row["method"] != "autograd svdvals" or row["ratio"] == 1
    assert record["parameters"]["shapes"] == ["3x16x20", "9x600"]


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is measured on Linux")
def test_regularizer_measures_memory(monkeypatch, measure):
    every, name = regularizer.methods_for, regularizer.REFERENCE
    monkeypatch.setattr(regularizer, "methods_for", lambda *of: {name: every(*of)[name]})
    (row,) = measure("regularizer", "--shapes", "500x500", "--regs", "nuclear", "--repeats", "1")["rows"]
    assert row["peak_bytes"] is None or 10**6 < row["peak_bytes"] < 10**8  # S itself is 10^6 bytes


def test_accuracy(measure):
    rows = measure("accuracy", "--side", "30", "--repetitions", "300")["rows"]
    penalties = [row for row in rows if row["part"] == "penalty"]
    assert {row["reg"] for row in penalties} == set(REGS)
    for row in penalties:
        limit = 1e-4 if row["dtype"] == "float32" else 1e-9
        assert row["gradient_error"] < limit
        assert row["value_error"] < limit
    for row in rows:
        if row["part"] == "bias":
            assert row["measured"] == pytest.approx(row["theory"], abs=1e-9)
        if row["part"] == "variance":
            assert 0.6 < row["measured"] / row["theory"] < 1.5  # 300 estimates: standard error 8 %
            assert abs(row["mean_error_in_standard_errors"]) < 4


def test_optimization(measure):
    rows = measure("optimization", "--steps", "10", "--size-px", "40", "--repeats", "1")["rows"]
    default, exact = rows
    assert [row["iterations"] for row in rows] == [10] * 2
    assert exact["objective_difference"] == 0
    assert default["objective"] == pytest.approx(exact["objective"], rel=0.1)
    assert exact["ratio"] == 1
    assert all(row["psnr"] > 20 for row in rows)


def test_command(measure, monkeypatch):
    def once(methods, *, repeats, progress):
        return {name: Timing((float(call() is None),)) for name, call in methods.items()}

    monkeypatch.setattr(command_benchmark, "time_side_by_side", once)
    rows = measure("command", "--size-px", "40", "--device", "cpu")["rows"]
    quality = {row["method"]: row["psnr"] for row in rows}
    assert quality.pop("edlrr --help") is None
    assert quality.pop("import torch alone") is None
    assert len(quality) == 5
    assert quality["edlrr inpaint, beside two busy processes"] == quality["edlrr inpaint"]
    assert min(quality.values()) > 20


def test_a_command_that_fails_ends_the_benchmark(refused, tmp_path, monkeypatch):
    monkeypatch.setattr(command_benchmark, "_commands", lambda *_: {"x": [sys.executable, "-c", "1 / 0"]})
    line = refused(1, "bench", "command", "--size-px", "32", "-o", tmp_path / "a.json")
    assert "ended with code 1 (ZeroDivisionError: division by zero)" in line
    assert not list(tmp_path.iterdir())


def test_report_round_trip_into_a_document(run, refused, measure, tmp_path):
    measure("optimization", "--steps", "10", "--size-px", "32", "--repeats", "1")
    record, readme = tmp_path / "slow.json", tmp_path / "README.md"
    (tmp_path / "optimization.json").rename(record)
    printed = run("bench", "report", record).stdout
    assert printed.count("\n|") == 3
    assert "Made by `edlrr bench optimization --steps 10" in printed
    readme.write_bytes("µ\r\n<!-- bench:slow -->\nold\n<!-- /bench:slow -->\nafter\n".encode())
    result = run("bench", "report", record, "--into", readme)
    assert result.stdout == f"{readme}: replaced slow\n"
    expected = f"µ\r\n<!-- bench:slow -->\n{printed}<!-- /bench:slow -->\nafter\n"
    assert readme.read_bytes().decode() == expected
    readme.write_text("no markers", encoding="utf-8")
    assert "found 0; put it in" in refused(3, "bench", "report", record, "--into", readme)
    assert readme.read_text(encoding="utf-8") == "no markers"
    twice = ["bench", "report", record, record]
    assert run(*twice).stdout.count("Made by") == 2
    assert "two FILES have the same name" in refused(2, *twice, "--into", readme)


def test_psnr_against_seconds_is_drawn_from_records(run, refused, tmp_path):
    record = tmp_path / "made.json"
    row = {"kind": "mean", "method": "tv", "corruption": "text", "title": "TV", "group": "control"}
    rows = [{**row, "printed": None, "psnr": 30.0, "seconds": 1.0}]
    record.write_text(json.dumps({**dict.fromkeys(KEYS), "benchmark": "table1", "rows": rows}))
    plot = tmp_path / "plot.svg"
    assert run("bench", "report", record, "--plot", plot).stdout == f"{plot}: 1 methods\n"
    assert plot.read_text().startswith("<?xml")
    wrong = refused(4, "bench", "report", record, "--plot", tmp_path / "plot.gif")
    assert "expected the extension .svg" in wrong


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["regularizer", "--shapes", "12", "-o", "a.json"], 2, "shapes: '12' is no shape"),
        (["regularizer", "--regs", "nuclaer", "-o", "a.json"], 2, "did you mean 'nuclear'?"),
        (["regularizer", "--shapes", "4x4", "--device", "tpu", "-o", "a.json"], 5, "unknown device 'tpu'"),
        (["accuracy"], 2, "Missing option"),
        (["accuracy", "-o", "absent/a.json"], 4, "does not exist"),
        (["report", "absent.json"], 3, "absent.json cannot be read"),
        (["rpeort"], 2, "did you mean 'report'?"),
    ],
)
def test_refusals(refused, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    assert message in refused(code, "bench", *arguments)
    assert not list(tmp_path.iterdir())


def test_an_existing_output_is_kept(refused, tmp_path):
    (tmp_path / "a.json").write_text("mine")
    assert "exists already" in refused(4, "bench", "accuracy", "-o", tmp_path / "a.json")
    assert (tmp_path / "a.json").read_text() == "mine"


def test_throughput(measure, run, monkeypatch):
    def in_this_process(*arguments):
        result = run(*arguments)
        assert result.exit_code == 0, result.stderr
        return throughput_benchmark.Ended(1.0 + len(arguments), 10**8, 1.0)

    monkeypatch.setattr(throughput_benchmark, "edlrr", in_this_process)
    monkeypatch.setattr(throughput_benchmark, "QUALITIES", ("fast",))
    record = measure("throughput", "--num-images", "2", "--size-px", "32", "--large-px", "64", "80")
    batches = [row for row in record["rows"] if row["kind"] == "batch"]
    large = [row for row in record["rows"] if row["kind"] == "large"]
    assert [row["case"].rpartition(", ")[2] for row in batches] == ["one command each", "a batch"]
    assert batches[0]["ratio"] == 1
    assert all(row["images_per_minute"] == pytest.approx(120 / row["seconds"]) for row in batches)
    assert [row["case"] for row in large] == ["a dot", "three lines of text", "text all over"]
    assert all(0 < row["missing_fraction"] < 0.5 and row["psnr_missing"] > 10 for row in large)


def test_cost_and_its_plot(measure, run, monkeypatch, tmp_path):
    monkeypatch.setattr(cost_benchmark, "SIDES_PX", (40, 48))
    monkeypatch.setattr(cost_benchmark, "FRACTIONS", (0.5, 1.0))
    monkeypatch.setattr(cost_benchmark, "_SIDE_PX", 40)
    rows = measure("cost")["rows"]
    assert [(row["kind"], row["num_pixels"]) for row in rows] == [
        ("area", 1600),
        ("area", 2304),
        ("missing", 1600),
        ("missing", 1600),
    ]
    assert rows[2]["num_missing"] < rows[3]["num_missing"] == rows[0]["num_missing"]
    assert all(row["cpu_seconds"] > 0 for row in rows)
    plot = tmp_path / "cost.svg"
    assert run("bench", "report", tmp_path / "cost.json", "--plot", plot).exit_code == 0
    assert plot.read_text(encoding="utf-8").count("<svg") == 1


@pytest.mark.skipif(library.kernels() is None, reason="installed without kernels")
def test_kernels(measure, monkeypatch):
    monkeypatch.setattr(kernels_benchmark, "_SIDE_PX", 40)
    rows = measure("kernels", "--repeats", "1")["rows"]
    assert len(rows) == 4
    assert library.kernels() is not None
    assert all(row["operations_per_second"] > 0 < row["peak_per_second"] for row in rows)


def test_without_kernels_none_are_measured(refused, monkeypatch, tmp_path):
    monkeypatch.setattr(library, "kernels", lambda: None)
    assert "without kernels" in refused(1, "bench", "kernels", "-o", tmp_path / "a.json")


def test_gigapixel(measure, run, monkeypatch):
    def in_this_process(*arguments):
        result = run(*arguments, "--method", "biharmonic")
        assert result.exit_code == 0, result.stderr
        return throughput_benchmark.Ended(1.0, 10**8, 1.0)

    monkeypatch.setattr(gigapixel_benchmark, "edlrr", in_this_process)
    monkeypatch.setattr(gigapixel_benchmark, "_TILE_PX", 64)
    monkeypatch.setattr(gigapixel_benchmark, "_LAYOUT", TiffLayout(predictor=2, tile_px=(64, 64)))
    monkeypatch.setattr("edlrr_cli.media.large_image.LARGE_BYTES", 0)
    record = measure("gigapixel", "--large-px", "330", "500", "--num-specks", "4")
    assert [row["case"] for row in record["rows"]] == ["gray", "RGB"]
    for row in record["rows"]:
        assert row["num_tiles"] == 48
        assert 1 <= row["num_holed"] == row["num_changed"] <= 16
        assert row["psnr_missing"] > 10


def test_busy(measure, monkeypatch):
    monkeypatch.setattr(busy_benchmark, "NUM_PROCESSES", (1, 2))
    monkeypatch.setattr(busy_benchmark, "_METHODS", {"nothing": "penalty = lambda S: S"})
    record = measure("busy", "--num-evaluations", "1", "--repeats", "1")
    assert [(row["processes"], row["threads"]) for row in record["rows"]] == [
        *((1, "default"), (1, "1")),
        *((2, "default"), (2, "1")),
    ]
    assert all(row["seconds"] > 0 for row in record["rows"])
    assert [row["ratio"] for row in record["rows"] if row["threads"] == "1"] == [1, 1]


def test_a_process_that_fails_ends_the_benchmark(monkeypatch):
    monkeypatch.setattr(busy_benchmark, "_METHODS", {"failing": "sys.exit(7)"})
    with pytest.raises(EdlrrError, match="ended with code 7"):
        busy_benchmark.run(num_evaluations=1, repeats=1, progress=lambda text: None)


def test_a_process_is_timed_and_its_memory_read():
    ended = throughput_benchmark.edlrr("completion", "bash")
    assert 0.01 < ended.seconds < 60
    assert 1e7 < ended.peak_bytes < 1e10  # Linux counts what this process held when it forked, too
    with pytest.raises(EdlrrError, match=r"edlrr inpaint ended with code 2 \(edlrr: error: Missing"):
        throughput_benchmark.edlrr("inpaint")
